import { Metadata } from '@grpc/grpc-js';
import type { DryRunPool } from '../control/dry-run-pool.js';
import { compileFilter, type EventPredicate } from '../events/filter.js';
import type { EventHub } from '../events/hub.js';
import { EventServiceService, type StreamEventsRequest } from '../generated/hauberk/v1/event.js';
import { compileInSteps } from '../image/compile.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finishInTimeSlices } from '../time-slices.js';
import { READ, type RulesOf } from './access/method-rule.js';
import { currentCaller } from './caller.js';
import { type Compile, toEventFilter, toPosition, toSince } from './event-filter.js';
import { encodeResponse } from './event-message.js';
import { pumpEvents } from './event-pump.js';
import { sequenceSince } from './event-replay.js';
import { RpcService } from './handler.js';
import { pumpTelemetry } from './telemetry-pump.js';

export interface EventServiceOptions {
  /** Events a stream may lag behind before it misses the oldest; the hub's default when left out. */
  readonly queueCapacity?: number;
  /** Where patterns are compiled; in time slices of the event loop when left out. */
  readonly dryRuns?: Pick<DryRunPool, 'dryRun'>;
  /** Sent to clients that ask for telemetry; nothing when left out. */
  readonly telemetry?: EventHub;
}

/** Events are encoded once, for all streams. */
const definition = {
  ...EventServiceService,
  streamEvents: {
    ...EventServiceService.streamEvents,
    responseSerialize: (bytes: Buffer): Buffer => bytes,
    responseDeserialize: (bytes: Buffer): Buffer => bytes,
  },
};

export const EVENT_RULES: RulesOf<typeof EventServiceService> = {
  '/hauberk.v1.EventService/StreamEvents': READ,
};

/** hauberk.v1.EventService. */
export function eventServiceOf(
  hub: EventHub,
  { queueCapacity, dryRuns, telemetry }: EventServiceOptions = {},
): RpcService {
  return RpcService.of(
    definition,
    {
      async streamEvents(request, call) {
        const caller = currentCaller();
        const compile = async (ruleSet: RuleSet) =>
          dryRuns === undefined
            ? finishInTimeSlices(compileInSteps(ruleSet))
            : (await dryRuns.dryRun({ ruleSet }, caller)).image;
        const since = toSince(request);
        const accepts = await predicateOf(request, since, compile);
        const upTo = request.storedOnly ? hub.position.sequence : undefined;
        // The headers tell the client that it is subscribed: what comes from now on belongs to the stream.
        const from = await startOf(hub, request, since);
        // It may have been cancelled meanwhile, and would not be notified.
        if (caller.disconnected.aborted) return;
        const capacity = queueCapacity === undefined ? {} : { capacity: queueCapacity };
        const endTelemetry =
          request.includeTelemetry && telemetry !== undefined
            ? pumpTelemetry(telemetry, call, { accepts, ...capacity })
            : undefined;
        const ended = pumpEvents(hub, call, {
          accepts,
          ...capacity,
          ...(from !== undefined && { after: from }),
          ...(upTo !== undefined && { upTo }),
        });
        call.sendMetadata(new Metadata());
        // Where a stream that starts now has begun: it can be resumed before its first event.
        if (from === undefined) call.write(encodeResponse([], hub.position));
        await ended.finally(endTelemetry);
      },
    },
    { refused: ['streamEvents'] },
  );
}

/** The number to continue after; undefined to start now. */
async function startOf(
  hub: EventHub,
  request: StreamEventsRequest,
  since: bigint | undefined,
): Promise<number | undefined> {
  const position = toPosition(request);
  if (position !== undefined) return hub.sequenceAt(position);
  if (since !== undefined) return sequenceSince(hub, since);
  return request.storedOnly ? 0 : undefined;
}

async function predicateOf(
  request: StreamEventsRequest,
  since: bigint | undefined,
  compile: Compile,
): Promise<EventPredicate | undefined> {
  const filter = await toEventFilter(request, compile);
  const hasFilter = Object.values(filter).some((value) =>
    typeof value === 'object' ? Object.keys(value).length > 0 : value,
  );
  const accepts = hasFilter ? compileFilter(filter) : undefined;
  if (since === undefined) return accepts;
  return (event) => event.time >= since && (accepts === undefined || accepts(event));
}
