import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import {
  type Event,
  type Position,
  type SequenceRange,
  StreamEventsRequest,
  type StreamEventsResponse,
} from '../generated/hauberk/v1/event.js';
import { errorOfCall } from './call-error.js';
import type { HauberkError } from './error.js';

/** See StreamEventsRequest; what is left out lets everything pass. */
export type EventFilter = Partial<Omit<StreamEventsRequest, 'resumeAfter'>>;

export interface EventStreamOptions {
  readonly signal?: AbortSignal;
  /** Where an earlier stream ended. */
  readonly resumeAfter?: Position;
  /** Called when the connection was lost, with the reason, and how long it will wait before it tries again. */
  readonly onReconnect?: (error: HauberkError, waitMilliseconds: number) => void;
  /** False: a lost connection ends the stream with its error. */
  readonly reconnects?: boolean;
  /** Called when the daemon has accepted the stream. */
  readonly onOpen?: () => void;
}

export interface ReceivedEvents {
  readonly events: readonly Event[];
  /** Events that were missed before these: this client read too slowly, or was away for too long. */
  readonly missed: number;
  /** The numbers of those. */
  readonly gone: readonly SequenceRange[];
  /** True when the numbering of events has started again: it is not known how many are missing. */
  readonly restarted: boolean;
  /** What to resume after. */
  readonly position: Position | undefined;
  /** Telemetry that was missed, as this client read too slowly; 0 unless it was asked for. */
  readonly missedTelemetry: number;
}

type Open = (request: StreamEventsRequest) => ClientReadableStream<StreamEventsResponse>;

/** The statuses with which a stream ends if the connection is lost or the daemon stops. */
const PASSING: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.UNKNOWN,
  status.INTERNAL,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.CANCELLED,
]);
const FIRST_WAIT_MILLISECONDS = 100;
const LONGEST_WAIT_MILLISECONDS = 10_000;

export async function* followEvents(
  open: Open,
  filter: EventFilter,
  { signal, resumeAfter, reconnects = true, onReconnect, onOpen }: EventStreamOptions,
): AsyncGenerator<ReceivedEvents> {
  const empty = StreamEventsRequest.decode(new Uint8Array());
  let position = resumeAfter;
  let ceiling = FIRST_WAIT_MILLISECONDS;
  while (!signal?.aborted) {
    const since = position === undefined ? filter.since : undefined;
    const call = open({ ...empty, ...filter, since, resumeAfter: position });
    const cancel = () => call.cancel();
    signal?.addEventListener('abort', cancel);
    call.once('metadata', () => {
      ceiling = FIRST_WAIT_MILLISECONDS;
      onOpen?.();
    });
    try {
      for await (const response of call as AsyncIterable<StreamEventsResponse>) {
        const { events, missed, gone, telemetryMissed } = response;
        const isTelemetry = response.position === undefined;
        const restarted = !isTelemetry && position !== undefined && response.position?.run !== position.run;
        position = response.position ?? position;
        const missedTelemetry = Number(telemetryMissed);
        yield { events, missed: Number(missed), gone, restarted, position, missedTelemetry };
      }
      if (filter.storedOnly) return;
    } catch (error) {
      if (signal?.aborted) return;
      const failure = errorOfCall(error as ServiceError, error);
      if (!reconnects || !PASSING.has((error as ServiceError).code)) throw failure;
      // A random time up to the limit, so that clients disconnected together do not come back together.
      const wait = Math.ceil(Math.random() * ceiling);
      ceiling = Math.min(ceiling * 2, LONGEST_WAIT_MILLISECONDS);
      onReconnect?.(failure, wait);
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    } finally {
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    }
  }
}
