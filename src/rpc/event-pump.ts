import type { EventPredicate } from '../events/filter.js';
import type { EventHub, SubscribeOptions } from '../events/hub.js';
import type { StreamEventsResponse } from '../generated/hauberk/v1/event.js';
import { toEventMessage } from './convert.js';
import type { ResponseStream } from './handler.js';

// The cost of a stream lies in its messages rather than in its events.
const EVENTS_A_MESSAGE_MAX = 256;
/** A message leaves no sooner than this after the one before it, unless it is full. */
const COMPANY_MILLISECONDS = 2;

/**
 * Sends the accepted events of a hub to a stream until the stream is over. An event that comes alone leaves at once;
 * those that follow within two milliseconds leave together. While the client reads too slowly nothing is written, so
 * that events wait in the bounded queue only.
 */
export function pumpEvents(
  hub: EventHub,
  accepts: EventPredicate,
  call: ResponseStream<StreamEventsResponse>,
  options: Omit<SubscribeOptions, 'onWaiting'>,
): Promise<void> {
  return new Promise((resolve) => {
    let lastSent = Number.NEGATIVE_INFINITY;
    let cancelPlan: (() => void) | undefined;
    let isOver = false;

    const plan = () => {
      if (isOver || subscription.waiting === 0 || call.writableNeedDrain) return;
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
      const { events, missed, position } = subscription.take(EVENTS_A_MESSAGE_MAX);
      const hasRoom = call.write({
        events: events.map(toEventMessage),
        missed: BigInt(missed),
        position: { run: position.run, sequence: BigInt(position.sequence) },
      });
      lastSent = performance.now();
      if (hasRoom) plan();
      else call.once('drain', plan);
    };
    const end = () => {
      isOver = true;
      cancelPlan?.();
      subscription.close();
      resolve();
    };

    const subscription = hub.subscribe(accepts, { ...options, onWaiting: () => queueMicrotask(plan) });
    call.once('cancelled', end);
    call.once('close', end);
  });
}
