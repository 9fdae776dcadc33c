import type { ControlPlane } from '../../control/control-plane.js';
import type { AlertLimit } from '../../events/alert-throttle.js';
import type { EventHub } from '../../events/hub.js';
import type { RpcLogger } from '../handler.js';
import { healthOf } from '../health.js';
import { RequestReader } from '../reading/request-reader.js';
import { reflectionOf } from '../reflection.js';
import type { Services } from '../services.js';
import { readHostFacts } from './host-facts.js';
import { logServiceOf } from './log-service.js';
import { MessageFeed } from './message-feed.js';
import { policyServiceOf } from './policy-service.js';
import { probeServiceOf } from './probe-service.js';
import { followStatus } from './status-messages.js';

/** As health names them. */
export const KUBEARMOR_SERVICES = ['feeder.LogService', 'policy.PolicyService', 'policy.ProbeService'] as const;

export interface KubearmorSources {
  readonly plane: ControlPlane;
  readonly hub: EventHub;
  /** The compiled descriptor set of proto/kubearmor, for reflection. */
  readonly descriptorSet: Uint8Array;
  readonly logger: RpcLogger;
  /** How many events of one container are reported a second; 0 for all. */
  readonly eventsPerSecond: number;
  readonly throttle: AlertLimit;
  /** Alerts a stream may lag behind before it misses the oldest; the hub's default when left out. */
  readonly queueCapacity?: number;
}

/** What KubeArmor's clients are served. */
export function createKubearmorServices(sources: KubearmorSources): Services {
  const { plane, hub, descriptorSet, logger, eventsPerSecond, throttle, queueCapacity } = sources;
  const messages = new MessageFeed();
  const reader = new RequestReader();
  const health = healthOf(plane.host, KUBEARMOR_SERVICES);
  const unfollow = followStatus(plane.host, messages);
  return {
    services: [
      logServiceOf(
        hub,
        plane.telemetry,
        messages,
        { ...readHostFacts(), eventsPerSecond, throttle },
        queueCapacity === undefined ? {} : { capacity: queueCapacity },
      ),
      policyServiceOf(plane.policies, reader, messages, logger),
      probeServiceOf(plane),
      health.service,
      reflectionOf(descriptorSet),
    ],
    close: () => {
      unfollow();
      health.close();
      void reader.close();
    },
  };
}
