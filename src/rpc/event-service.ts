import { Metadata } from '@grpc/grpc-js';
import { compileFilter } from '../events/filter.js';
import type { EventHub } from '../events/hub.js';
import { EventServiceService } from '../generated/hauberk/v1/event.js';
import { toEventFilter, toPosition } from './event-filter.js';
import { pumpEvents } from './event-pump.js';
import { RpcService } from './handler.js';

export interface EventServiceOptions {
  /** Events a stream may lag behind before it misses the oldest; the hub's default when left out. */
  readonly queueCapacity?: number;
}

/** hauberk.v1.EventService. */
export function eventServiceOf(hub: EventHub, options: EventServiceOptions = {}): RpcService {
  return RpcService.of(EventServiceService, {
    async streamEvents(request, call) {
      const accepts = compileFilter(toEventFilter(request));
      const resumeAfter = toPosition(request);
      const ended = pumpEvents(hub, accepts, call, {
        ...(options.queueCapacity !== undefined && { capacity: options.queueCapacity }),
        ...(resumeAfter !== undefined && { resumeAfter }),
      });
      // The headers tell the client that it is subscribed.
      call.sendMetadata(new Metadata());
      await ended;
    },
  });
}
