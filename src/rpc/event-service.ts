import { Metadata } from '@grpc/grpc-js';
import type { DryRunPool } from '../control/dry-run-pool.js';
import { finishInTurns } from '../control/turns.js';
import { compileFilter } from '../events/filter.js';
import type { EventHub } from '../events/hub.js';
import { EventServiceService } from '../generated/hauberk/v1/event.js';
import { compileInSteps } from '../image/compile.js';
import type { RuleSet } from '../policy/rule-set.js';
import { currentCaller } from './caller.js';
import { toEventFilter, toPosition } from './event-filter.js';
import { pumpEvents } from './event-pump.js';
import { RpcService } from './handler.js';

export interface EventServiceOptions {
  /** Events a stream may lag behind before it misses the oldest; the hub's default when left out. */
  readonly queueCapacity?: number;
  /** Where patterns are compiled; in turns of the event loop when left out. */
  readonly dryRuns?: Pick<DryRunPool, 'run'>;
}

/** hauberk.v1.EventService. */
export function eventServiceOf(hub: EventHub, { dryRuns, ...options }: EventServiceOptions = {}): RpcService {
  return RpcService.of(
    EventServiceService,
    {
      async streamEvents(request, call) {
        const caller = currentCaller();
        const compile = async (ruleSet: RuleSet) =>
          dryRuns === undefined
            ? finishInTurns(compileInSteps(ruleSet))
            : (await dryRuns.run({ ruleSet }, caller)).image;
        const accepts = compileFilter(await toEventFilter(request, compile));
        // It may have been cancelled meanwhile, and would never hear of it.
        if (caller.gone.aborted) return;
        const resumeAfter = toPosition(request);
        const ended = pumpEvents(hub, accepts, call, {
          ...(options.queueCapacity !== undefined && { capacity: options.queueCapacity }),
          ...(resumeAfter !== undefined && { resumeAfter }),
        });
        // The headers tell the client that it is subscribed.
        call.sendMetadata(new Metadata());
        await ended;
      },
    },
    { refused: ['streamEvents'] },
  );
}
