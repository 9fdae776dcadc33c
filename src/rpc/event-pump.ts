import type { EventPredicate } from '../events/filter.js';
import type { EventHub, SubscribeOptions } from '../events/hub.js';
import { encodedPieces, encodeResponse, newEncoder } from './event-message.js';
import { isOpen, replayEvents } from './event-replay.js';
import type { MessageStream } from './message-stream.js';

// The cost of a stream is in its messages rather than in its events.
const EVENTS_A_MESSAGE_MAX = 256;
/** A message leaves no sooner than this after the one before it, unless it is full. */
const COMPANY_MILLISECONDS = 2;

export interface PumpOptions extends Pick<SubscribeOptions, 'capacity'> {
  /** Undefined where everything is accepted. */
  readonly accepts: EventPredicate | undefined;
  /** The number to continue after; starts now when left out. */
  readonly after?: number;
  /** The stream ends once it has reached this number. */
  readonly upTo?: number;
}

const encoder = newEncoder();

/**
 * Sends the accepted events of a hub to a stream until the stream is over, first those that are only archived. An event
 * that comes alone leaves at once; those that follow within two milliseconds leave together. While the client reads too
 * slowly nothing is written, so that events wait in the bounded queue only; what it could not hold is read from the archive
 * then, or missed where there is none.
 */
export async function pumpEvents(
  hub: EventHub,
  call: MessageStream,
  { after, upTo, ...options }: PumpOptions,
): Promise<void> {
  let cursor = after;
  do {
    if (cursor !== undefined) cursor = await replayEvents(hub, call, { ...options, after: cursor });
    cursor = await follow(hub, call, options, cursor, upTo);
  } while (cursor !== undefined && isOpen(call));
}

/** @returns the number reached, once the queue could not hold all; undefined at the end of the stream */
function follow(
  hub: EventHub,
  call: MessageStream,
  { accepts = () => true, capacity }: PumpOptions,
  after: number | undefined,
  upTo: number | undefined,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    let lastSent = Number.NEGATIVE_INFINITY;
    let cancelPlan: (() => void) | undefined;
    let isOver = !isOpen(call);
    let reached = after ?? hub.position.sequence;

    const plan = () => {
      if (isOver || subscription.waiting === 0) return;
      if (call.writableNeedDrain) {
        // Nothing else would call this again, also where it is telemetry that has filled it.
        call.off('drain', plan);
        call.once('drain', plan);
        return;
      }
      const wait = lastSent + COMPANY_MILLISECONDS - performance.now();
      if (wait <= 0 || subscription.waiting >= EVENTS_A_MESSAGE_MAX) {
        const immediate = setImmediate(send);
        cancelPlan = () => clearImmediate(immediate);
      } else {
        const timer = setTimeout(send, wait);
        cancelPlan = () => clearTimeout(timer);
      }
    };
    const send = () => {
      if (subscription.missed > 0 && hub.archive !== undefined) {
        end(reached);
        return;
      }
      const { events, missed, gone, position } = subscription.take(EVENTS_A_MESSAGE_MAX, encoder);
      reached = position.sequence;
      call.write(encodeResponse(encodedPieces(events), position, missed, gone && [gone]));
      lastSent = performance.now();
      if (upTo !== undefined && reached >= upTo) end(undefined);
      else plan();
    };
    const end = (result: number | undefined) => {
      if (isOver) return;
      isOver = true;
      cancelPlan?.();
      call.off('drain', plan);
      call.off('cancelled', cancelled);
      call.off('close', cancelled);
      subscription.close();
      resolve(result);
    };
    const cancelled = () => end(undefined);

    const subscription = hub.subscribe(accepts, {
      ...(capacity !== undefined && { capacity }),
      hasArchive: hub.archive !== undefined,
      ...(after !== undefined && { resumeAfter: { run: hub.run, sequence: after } }),
      onWaiting: () => queueMicrotask(plan),
    });
    call.once('cancelled', cancelled);
    call.once('close', cancelled);
    if (isOver || (upTo !== undefined && subscription.waiting === 0)) {
      isOver = false;
      cancelled();
    }
  });
}
