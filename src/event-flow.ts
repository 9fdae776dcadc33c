import type { Logger } from 'pino';
import type { Closers } from './closers.js';
import { alertLimitOf, type Config } from './config/config.js';
import { type NamespacePair, namespaceKey } from './containers/container.js';
import type { Enforcement } from './control/enforcement.js';
import type { Ledger } from './control/ledger.js';
import type { Recordings } from './control/recordings.js';
import type { Telemetry } from './control/telemetry.js';
import { AlertThrottle } from './events/alert-throttle.js';
import { DetailsLookup, type HostIdentity } from './events/details.js';
import type { SecurityEvent } from './events/event.js';
import { EventHub, HISTORY_CAPACITY } from './events/hub.js';
import { rememberAccess } from './events/observed.js';
import { EventReader } from './events/reader.js';
import { SuppressionWatch } from './events/suppression.js';
import { archiveOf } from './journal/archive.js';
import { EventLog } from './journal/event-log.js';
import { openJournal } from './journal/open-journal.js';
import type { Enforcer } from './kernel/enforcer.js';
import { type EventRecord, FLAGS } from './kernel/event-record.js';
import type { AccessMemory } from './profile/access-memory.js';
import { newEncoder } from './rpc/event-message.js';

/** The sources of events and of their descriptions. */
export interface EventFlowParts {
  readonly config: Config;
  readonly kernel: Enforcer;
  readonly ledger: Ledger;
  readonly enforcement: Enforcement;
  readonly recordings: Recordings;
  readonly telemetry: Telemetry;
  readonly memory: AccessMemory;
  readonly host: HostIdentity;
  readonly logger: Logger;
  /** Nanoseconds since the Unix epoch. */
  readonly now: () => bigint;
  /** Counts what was published, or dropped on purpose. */
  readonly observe: (events: readonly SecurityEvent[]) => void;
  readonly closers: Closers;
}

export type EventFlow = Awaited<ReturnType<typeof openEventFlow>>;

/** Opens the kernel's ring and the stages of its records: described, rate-limited, numbered, stored, published. */
export async function openEventFlow(parts: EventFlowParts) {
  const { config, kernel, ledger, enforcement, recordings, telemetry, memory, host, logger, now, observe, closers } =
    parts;
  const ring = kernel.openRing();
  const journal = await openJournal(config, kernel.ringId, ring, logger);
  let next = () => journal?.next ?? 1;
  // The ring is closed first: until then what is read is numbered and kept.
  closers.add('journal', () => journal?.close(() => next()));
  closers.add('ring', () => kernel.close());
  const hub = new EventHub(HISTORY_CAPACITY, journal && archiveOf(journal));
  const containerOf = (namespaces: NamespacePair) => ledger.containerAt(namespaces);
  const suppressed = new SuppressionWatch(
    kernel.allSuppressed(),
    (namespaces) => kernel.suppressed(namespaces),
    containerOf,
    (summaries) => events.add(summaries),
    now,
  );
  closers.add('summaries', () => suppressed.stop());
  const throttle = new AlertThrottle(alertLimitOf(config), (summaries) => events.add(summaries), now, observe);
  closers.add('alert limits', () => throttle.stop());
  const remember = (record: EventRecord) => {
    if (record.flags & FLAGS.observed) {
      const isVisible = telemetry.isVisible(record);
      recordings.observe(record, isVisible);
      if (isVisible) telemetry.observe(record);
      // Records for profiles are remembered by these; of the rest, those that are reported.
      if (record.action === 0 || recordings.isLearning(namespaceKey(record))) return;
    }
    if (record.pathResult === 'resolved') rememberAccess(memory, containerOf(record)?.id ?? '', record);
  };
  const details = new DetailsLookup(host);
  const reader: EventReader = new EventReader(
    { containerOf, ruleOf: (imageId, rule) => enforcement.ruleOf(imageId, rule), details },
    (read) => events.take(throttle.take(read)),
    (namespaces) => suppressed.tokensRanOut(namespaces),
    remember,
  );
  const events = new EventLog({
    hub,
    ...(journal !== undefined && { journal }),
    encoder: newEncoder(),
    ring,
    ringId: kernel.ringId,
    dropped: () => kernel.droppedRecords(),
    now,
    onPublished: observe,
    onRoom: () => reader.read(ring),
  });
  next = () => events.next;
  return { ring, journal, hub, throttle, details, reader, events };
}
