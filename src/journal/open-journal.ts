import { join } from 'node:path';
import type { Config } from '../config/config.js';
import type { JournalLogger } from './files.js';
import { Journal } from './journal.js';

/** A ring whose records are read from where the journal ends. */
export interface ReadRing {
  readonly position: bigint;
  skipTo(position: bigint): void;
}

/**
 * Opens the journal where the flags ask for one. The events that an earlier daemon has written are not read from the
 * ring again.
 *
 * @param ringId identifies the ring among those before and after it
 */
export async function openJournal(
  { stateDir, journalBytes, journalAge }: Pick<Config, 'stateDir' | 'journalBytes' | 'journalAge'>,
  ringId: bigint,
  ring: ReadRing,
  logger: JournalLogger,
): Promise<Journal | undefined> {
  if (journalBytes === 0) return undefined;
  const limits = { bytes: journalBytes, seconds: journalAge };
  const journal = await Journal.open(
    join(stateDir, 'journal'),
    limits,
    { id: ringId, position: ring.position },
    logger,
  );
  if (journal.last?.ringId === ringId) ring.skipTo(journal.last.ringPosition);
  return journal;
}
