import { UNPROTECTED_CAUSES, type UnprotectedCause } from './protection.js';

/** What the hook, or NRI, was answered about a container's start. */
export const START_ANSWERS = ['protected', 'ignored', 'unprotected'] as const;
export type StartAnswerKind = (typeof START_ANSWERS)[number];

/** What became of the containers that sources reported, counted since the daemon's start. */
export class IntakeCounts {
  /** Attempts to protect a container that failed, by cause. */
  readonly failures: Record<UnprotectedCause, number> = zeros(UNPROTECTED_CAUSES);
  /** Attempts that were made again after a failure. */
  retries = 0;
  /** Containers' starts that were held until they were answered, by answer. */
  readonly starts: Record<StartAnswerKind, number> = zeros(START_ANSWERS);
  /** Of the starts answered with `unprotected`: those the hook then refused. */
  refusedStarts = 0;
  /** Requests on the hook's socket that could not be read, or came from somebody else than root. */
  rejectedRequests = 0;
  /** Containers that the hook, as its records say, or NRI let start without protection, or that NRI did not ask about. */
  startsWithoutProtection = 0;
}

function zeros<Key extends string>(keys: readonly Key[]): Record<Key, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<Key, number>;
}
