import { terminal } from './terminal.js';

/** No message is needed before this time. */
const PATIENCE_MILLISECONDS = 1000;
const ERASE_LINE = '\r\u001b[K';

/** Shows on a terminal what it waits for and for how long, once that takes long; the line is erased afterwards. */
export async function waitingFor<Result>(
  what: string,
  task: Promise<Result>,
  patience = PATIENCE_MILLISECONDS,
): Promise<Result> {
  if (!terminal().errIsTerminal) return task;
  const began = performance.now();
  let isShown = false;
  const timer = setInterval(() => {
    isShown = true;
    const seconds = Math.round((performance.now() - began) / 1000);
    terminal().err(`${ERASE_LINE}${what}: ${seconds} s`);
  }, patience);
  try {
    return await task;
  } finally {
    clearInterval(timer);
    if (isShown) terminal().err(ERASE_LINE);
  }
}
