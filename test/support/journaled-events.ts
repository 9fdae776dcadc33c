import type { SecurityEvent } from '../../src/events/event.js';
import { EventHub } from '../../src/events/hub.js';
import { archiveOf } from '../../src/journal/archive.js';
import { EventLog } from '../../src/journal/event-log.js';
import { Journal } from '../../src/journal/journal.js';
import { newEncoder } from '../../src/rpc/event-message.js';
import { SILENT } from './silent-logger.js';

/** The events of tests are years old. */
export const JOURNAL_LIMITS = { bytes: 64 * 1024 * 1024, seconds: 1e9 };
const NOW = 1_700_000_000_000_000_000n;

export interface JournaledOptions {
  readonly limits?: typeof JOURNAL_LIMITS;
  readonly historyCapacity?: number;
  /** The position up to which the kernel's ring was read before. */
  readonly position?: bigint;
  readonly dropped?: () => number;
  readonly onPublished?: (events: readonly SecurityEvent[]) => void;
}

/** The events of one daemon with a journal; its ring is a counter. */
export async function journaledEvents(
  directory: string,
  {
    limits = JOURNAL_LIMITS,
    historyCapacity,
    position = 0n,
    dropped = () => 0,
    onPublished = () => undefined,
  }: JournaledOptions = {},
) {
  const ringId = 7n;
  const journal = await Journal.open(directory, limits, { id: ringId, position }, SILENT);
  const hub = new EventHub(historyCapacity, archiveOf(journal));
  const behindJournal = journal.last?.ringPosition ?? 0n;
  const ring = { position: behindJournal > position ? behindJournal : position, written: 0n, released: position };
  const waiting: (() => void)[] = [];
  const log = new EventLog({
    hub,
    journal,
    encoder: newEncoder(),
    ring: {
      get position() {
        return ring.position;
      },
      get written() {
        return ring.written;
      },
      release(to) {
        ring.released = to;
      },
    },
    ringId,
    dropped,
    now: () => NOW,
    onPublished,
    onRoom: () => waiting.shift()?.(),
  });
  return {
    journal,
    hub,
    log,
    ring,
    /** Takes events as one batch from the ring; resolves once they are in the journal and published. */
    write(events: readonly SecurityEvent[]): Promise<void> {
      ring.position += 8n;
      ring.written = ring.position;
      return new Promise((resolve) => {
        waiting.push(resolve);
        log.take(events);
      });
    },
    close: () => journal.close(() => log.next),
  };
}
