import type { Container } from '../containers/container.js';
import type { EventRecord } from '../kernel/event-record.js';
import { describeRecord, type EventContext } from './describe.js';
import type { SecurityEvent } from './event.js';
import { noteOf } from './note.js';
import { operationsOf } from './observed.js';

/** The policy named in a note that accesses of a container were not reported. */
export const TELEMETRY_LIMIT = 'TelemetryLimit';

/** An allowed access that no policy reports, as an event. */
export interface TelemetryEvent extends SecurityEvent {
  /** How often it was made in the window. */
  readonly count: number;
  /** Operations that one access asked for together: see ObservedAccess. */
  readonly operations: readonly string[];
}

/** @param record of an access that was let through */
export function describeTelemetry(record: EventRecord, context: EventContext): TelemetryEvent {
  return { ...describeRecord(record, context), count: 1, operations: operationsOf(record) };
}

/** The event that says how many accesses were not reported. */
export function telemetryLimitOf(
  dropped: number,
  container: Pick<Container, 'id' | 'name' | 'namespace' | 'labels'>,
  time: bigint,
  message: string,
): SecurityEvent {
  return { ...noteOf(TELEMETRY_LIMIT, message, container, time), suppressed: dropped };
}
