import { setTimeout } from 'node:timers/promises';

// Only reached by what never happens: an emulated machine may be ten times as slow as this one.
const MOST_MILLISECONDS = 60_000;

/** Waits until a condition holds. @throws Error after a minute */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  what = 'the condition',
  milliseconds = MOST_MILLISECONDS,
): Promise<void> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const asked = performance.now();
    if (await isSo()) return;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    // Polling must leave enough processor time for what is awaited.
    await setTimeout(Math.max(5, 2 * (performance.now() - asked)));
  }
}
