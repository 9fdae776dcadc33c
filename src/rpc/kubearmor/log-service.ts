import { Metadata } from '@grpc/grpc-js';
import type { Telemetry } from '../../control/telemetry.js';
import type { EventHub, SubscribeOptions } from '../../events/hub.js';
import { Failure } from '../../failure.js';
import { LogServiceService, type Message } from '../../generated/kubearmor/feeder.js';
import { type ResponseStream, RpcService } from '../handler.js';
import { type AlertContext, CLUSTER_NAME, toAlert, toMissedAlert } from './alert.js';
import { pumpAlerts } from './alert-pump.js';
import type { HostFacts } from './host-facts.js';
import { toLog, toMissedLog } from './log.js';
import type { FeedMessage, MessageFeed } from './message-feed.js';
import { timeFields } from './times.js';

/** A client that lags so far behind is cut off rather than left with gaps. */
const MESSAGES_WAITING_MAX = 1000;
const NANOSECONDS_A_MILLISECOND = 1_000_000n;

/**
 * feeder.LogService, which KubeArmor's clients read. Streams begin with what comes from now on.
 *
 * @param queue how many alerts a stream may lag behind; the hub's default when left out
 */
export function logServiceOf(
  hub: EventHub,
  telemetry: Pick<Telemetry, 'hub' | 'limits'>,
  messages: MessageFeed,
  context: AlertContext,
  queue: Pick<SubscribeOptions, 'capacity'> = {},
): RpcService {
  return RpcService.of(LogServiceService, {
    healthCheck: ({ nonce }) => ({ Retval: nonce }),

    async watchMessages(_, call) {
      const ended = pumpMessages(messages, call, context);
      call.sendMetadata(new Metadata());
      await ended;
    },

    async watchAlerts({ Filter }, call) {
      if (Filter !== 'all' && Filter !== 'policy') return;
      const ended = pumpAlerts(
        hub,
        call,
        ({ events, missed }) => [
          ...(missed > 0 ? [toMissedAlert(missed, nanoseconds(Date.now()), context)] : []),
          ...events.map((event) => toAlert(event, context)),
        ],
        queue,
      );
      call.sendMetadata(new Metadata());
      await ended;
    },

    async watchLogs({ Filter }, call) {
      if (Filter !== 'all' && Filter !== 'system') return;
      const ended = pumpAlerts(
        telemetry.hub,
        call,
        ({ events, missed }) => [
          ...(missed > 0 ? [toMissedLog(missed, nanoseconds(Date.now()), context)] : []),
          ...events.map((event) => toLog(event, context, telemetry.limits)),
        ],
        queue,
      );
      call.sendMetadata(new Metadata());
      await ended;
    },
  });
}

/** @throws Failure resource-exhausted when the client reads too slowly */
async function pumpMessages(messages: MessageFeed, call: ResponseStream<Message>, facts: HostFacts): Promise<void> {
  let onTooSlow: () => void = () => undefined;
  const tooSlow = new Promise<void>((_, reject) => {
    const description = `the client has not read ${MESSAGES_WAITING_MAX} messages`;
    onTooSlow = () => reject(new Failure('resource-exhausted', description));
  });
  const unfollow = messages.follow((message) => {
    if (call.writableLength >= MESSAGES_WAITING_MAX) onTooSlow();
    else call.write(toMessage(message, facts));
  });
  try {
    await Promise.race([endOf(call), tooSlow]);
  } finally {
    unfollow();
  }
}

function toMessage({ level, text, time }: FeedMessage, { hostName, hostAddress }: HostFacts): Message {
  return {
    ...timeFields(nanoseconds(time)),
    ClusterName: CLUSTER_NAME,
    HostName: hostName,
    HostIP: hostAddress,
    Type: 'Message',
    Level: level,
    Message: text,
  };
}

function nanoseconds(milliseconds: number): bigint {
  return BigInt(milliseconds) * NANOSECONDS_A_MILLISECOND;
}

/** The client has gone, or the server ends. */
function endOf(call: ResponseStream<unknown>): Promise<void> {
  return new Promise((resolve) => {
    call.once('cancelled', resolve);
    call.once('close', resolve);
  });
}
