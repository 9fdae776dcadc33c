import { HealthImplementation, type ServingStatus } from 'grpc-health-check';
import type { HostState, HostStatus } from '../control/host-state.js';
import { RpcService } from './handler.js';

export interface Health {
  readonly service: RpcService;
  /** Stops following the status. */
  close(): void;
}

/**
 * grpc.health.v1: the server as a whole, named "", and each of the services are SERVING only while policies are
 * enforced. Watchers hear of changes only.
 */
export function healthOf(plane: Pick<HostState, 'status' | 'onStatusChange'>, serviceNames: readonly string[]): Health {
  const names = ['', ...serviceNames];
  let current = servingStatus(plane.status());
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, current])));
  const close = plane.onStatusChange((status) => {
    const next = servingStatus(status);
    if (next === current) return;
    current = next;
    for (const name of names) health.setStatus(name, next);
  });
  return { service: RpcService.fromLibrary((registry) => health.addToServer(registry)), close };
}

function servingStatus({ enforcing }: HostStatus): ServingStatus {
  return enforcing ? 'SERVING' : 'NOT_SERVING';
}
