import { constants } from 'node:os';
import { KernelError } from '../native/kernel-error.js';

/** Errors that are not about what was asked for: trying again may help, and continuing without it would be wrong. */
const PASSING: readonly number[] = [constants.errno.EINTR, constants.errno.EAGAIN, constants.errno.ENOMEM];
/** Before each attempt but the first: the kernel gives up where signals come often, as those of a profiler. */
const PAUSES_MILLISECONDS = [10, 50, 250, 1000];

export function isPassing(error: unknown): boolean {
  return error instanceof KernelError && PASSING.includes(error.errno);
}

/**
 * Tries again what fails for a passing reason, five times in all.
 *
 * @throws what the last attempt has thrown
 */
export function retryPassing<Result>(attempt: () => Result, pause: (milliseconds: number) => void = block): Result {
  for (const milliseconds of PAUSES_MILLISECONDS) {
    try {
      return attempt();
    } catch (error) {
      if (!isPassing(error)) throw error;
      pause(milliseconds);
    }
  }
  return attempt();
}

/** Nothing else runs in the daemon before its programs are loaded. */
function block(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
