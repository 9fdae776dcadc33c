import { HealthImplementation, type ServingStatus } from 'grpc-health-check';
import type { HostState, HostStatus } from '../control/host-state.js';
import { RpcService } from './handler.js';

export interface Health {
  readonly service: RpcService;
  /** Stops following the status. */
  close(): void;
}

/**
 * What clients ask of to hear whether every container has all of its policies. It is apart from the server's own health:
 * one container must not make the whole host look as if nothing was enforced.
 */
const PROTECTION = 'protection';

/**
 * grpc.health.v1: the server as a whole, named "", and each of the services are SERVING only while policies are
 * enforced; `protection` only while every known container also has all of its policies in force. Watchers hear of
 * changes only.
 */
export function healthOf(plane: Pick<HostState, 'status' | 'onStatusChange'>, serviceNames: readonly string[]): Health {
  const names = ['', ...serviceNames, PROTECTION];
  const told = new Map(names.map((name) => [name, servingStatus(name, plane.status())]));
  const health = new HealthImplementation(Object.fromEntries(told));
  const close = plane.onStatusChange((status) => {
    for (const [name, before] of told) {
      const next = servingStatus(name, status);
      if (next === before) continue;
      told.set(name, next);
      health.setStatus(name, next);
    }
  });
  return { service: RpcService.fromLibrary((registry) => health.addToServer(registry)), close };
}

function servingStatus(name: string, { enforcing, unprotected, leftOut }: HostStatus): ServingStatus {
  const isProtected = unprotected.length === 0 && leftOut.size === 0;
  return enforcing && (name !== PROTECTION || isProtected) ? 'SERVING' : 'NOT_SERVING';
}
