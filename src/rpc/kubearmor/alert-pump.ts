import type { EventHub, SubscribeOptions, Taken } from '../../events/hub.js';
import type { ResponseStream } from '../handler.js';

/** Other work of the daemon can run after this many. */
const ALERTS_PER_SLICE = 256;

/**
 * Sends what a hub publishes from now on to a stream, until the stream is over. While the client reads too slowly nothing
 * is written, so that events wait in the bounded queue only.
 */
export function pumpAlerts<Message>(
  hub: EventHub,
  call: ResponseStream<Message>,
  toAlerts: (taken: Pick<Taken, 'events' | 'missed'>) => readonly Message[],
  queue: Pick<SubscribeOptions, 'capacity'>,
): Promise<void> {
  return new Promise((resolve) => {
    let planned: NodeJS.Immediate | undefined;
    const plan = () => {
      planned ??= setImmediate(send);
    };
    const send = () => {
      planned = undefined;
      let hasRoom = true;
      for (const alert of toAlerts(subscription.take(ALERTS_PER_SLICE))) hasRoom = call.write(alert);
      if (!hasRoom) call.once('drain', plan);
      else if (subscription.waiting > 0) plan();
    };
    const end = () => {
      clearImmediate(planned);
      subscription.close();
      resolve();
    };
    // While a full stream is waited for, the queue is not empty, and new alerts are only queued.
    const subscription = hub.subscribe(() => true, { ...queue, onWaiting: () => !call.writableNeedDrain && plan() });
    call.once('cancelled', end);
    call.once('close', end);
  });
}
