import type { UnprotectedCause } from '../control/protection.js';
import { Failure } from '../failure.js';
import { StoreFailure } from '../store/store-failure.js';

/** The message of an error and of what it was caused by, each once: what an operator has to know to fix it. */
export function trueCause(error: unknown): string {
  const messages: string[] = [];
  for (let cause = error; cause !== undefined && cause !== null; cause = (cause as Error).cause) {
    const message = cause instanceof Error ? cause.message || cause.name : String(cause);
    if (!messages.some((known) => known.includes(message))) messages.push(message);
  }
  return messages.join(': ');
}

/** Why a container could not be registered: see ContainerRegistry.put for the failures. */
export function unprotectedCause(error: unknown): UnprotectedCause {
  if (!(error instanceof Failure) || error instanceof StoreFailure || error.code === 'unavailable') return 'store';
  if (error.code !== 'invalid-argument') return 'kernel';
  return error.problems.some(({ description }) => description.includes("is the host's own")) ? 'refused' : 'lookup';
}

/** Whether the container is known already, under another id: no two have the same namespaces. */
export function isReportedElsewhere(error: unknown): boolean {
  if (!(error instanceof Failure)) return false;
  return error.code === 'already-exists' || error.problems.some(({ field }) => field === 'namespaces');
}
