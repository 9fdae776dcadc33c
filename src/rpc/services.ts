import type { ControlPlane } from '../control/control-plane.js';
import type { EventHub } from '../events/hub.js';
import { containerServiceOf } from './container-service.js';
import { eventServiceOf } from './event-service.js';
import type { RpcService } from './handler.js';
import { healthOf } from './health.js';
import { hostServiceOf } from './host-service.js';
import { policyServiceOf } from './policy-service.js';
import { profileServiceOf } from './profile-service.js';
import { RequestReader } from './reading/request-reader.js';
import { reflectionOf } from './reflection.js';
import { stateServiceOf } from './state-service.js';
import { telemetryServiceOf } from './telemetry-service.js';

/** The services of the API, as health and reflection name them. */
export const SERVICE_NAMES = [
  'hauberk.v1.PolicyService',
  'hauberk.v1.ContainerService',
  'hauberk.v1.EventService',
  'hauberk.v1.ProfileService',
  'hauberk.v1.HostService',
  'hauberk.v1.StateService',
  'hauberk.v1.TelemetryService',
] as const;

export interface ServiceSources {
  readonly plane: ControlPlane;
  readonly hub: EventHub;
  /** The compiled descriptor set of proto/, for reflection. */
  readonly descriptorSet: Uint8Array;
  /** Events a stream may lag behind before it misses the oldest; the hub's default when left out. */
  readonly queueCapacity?: number;
}

export interface Services {
  readonly services: readonly RpcService[];
  /** Stops following the control plane. */
  close(): void;
}

/** Everything the daemon serves. */
export function createServices({ plane, hub, descriptorSet, queueCapacity }: ServiceSources): Services {
  const reader = new RequestReader();
  const health = healthOf(plane.host, SERVICE_NAMES);
  return {
    services: [
      policyServiceOf(plane.policies, plane.judge, reader),
      containerServiceOf(plane.containers, plane.tracker, plane.unprotected),
      eventServiceOf(hub, {
        dryRuns: plane.policies.dryRuns,
        telemetry: plane.telemetry.hub,
        ...(queueCapacity !== undefined && { queueCapacity }),
      }),
      profileServiceOf(plane.profiles, plane.policies.dryRuns),
      hostServiceOf(plane.host),
      stateServiceOf(plane.policies, reader),
      telemetryServiceOf(plane.visibility),
      health.service,
      reflectionOf(descriptorSet),
    ],
    close: () => {
      health.close();
      void reader.close();
    },
  };
}
