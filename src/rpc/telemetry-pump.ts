import type { EventHub } from '../events/hub.js';
import { encodedPieces, encodeTelemetry, newEncoder } from './event-message.js';
import type { PumpOptions } from './event-pump.js';
import type { MessageStream } from './message-stream.js';

const EVENTS_A_MESSAGE_MAX = 256;

const encoder = newEncoder();

/**
 * Sends the accepted telemetry from now on to a stream, in messages of its own. While the client reads too slowly nothing is
 * written, so that it waits in the bounded queue only.
 *
 * @returns ends it
 */
export function pumpTelemetry(
  hub: EventHub,
  call: MessageStream,
  { accepts = () => true, capacity }: Pick<PumpOptions, 'accepts' | 'capacity'>,
): () => void {
  let planned: NodeJS.Immediate | undefined;
  const plan = () => {
    planned ??= setImmediate(send);
  };
  const send = () => {
    planned = undefined;
    if (call.writableNeedDrain) {
      call.once('drain', plan);
      return;
    }
    const { events, missed } = subscription.take(EVENTS_A_MESSAGE_MAX, encoder);
    call.write(encodeTelemetry(encodedPieces(events), missed));
    if (subscription.waiting > 0) plan();
  };
  const subscription = hub.subscribe(accepts, { ...(capacity !== undefined && { capacity }), onWaiting: plan });
  return () => {
    clearImmediate(planned);
    call.off('drain', plan);
    subscription.close();
  };
}
