import { setTimeout } from 'node:timers/promises';

// A limit for what does not come at all: an emulated machine may be ten times as slow as this one.
const MOST_MILLISECONDS = 60_000;

/** Waits until something is so. @throws Error when it is not for long */
export async function eventually(
  isSo: () => boolean | Promise<boolean>,
  what = 'what is waited for',
  milliseconds = MOST_MILLISECONDS,
): Promise<void> {
  const deadline = Date.now() + milliseconds;
  for (;;) {
    const asked = performance.now();
    if (await isSo()) return;
    if (Date.now() > deadline) throw new Error(`${what} does not come about`);
    // To ask must not keep the processor from what is waited for.
    await setTimeout(Math.max(5, 2 * (performance.now() - asked)));
  }
}
