import { EventEmitter } from 'node:events';
import type { HostState, HostStatus } from '../control/host-state.js';
import { Failure } from '../failure.js';
import { HealthService, HealthCheckResponse_ServingStatus as ServingStatus } from '../generated/health/v1/health.js';
import { READ_BY_ANYONE, type RulesOf } from './access/method-rule.js';
import { RpcService } from './handler.js';

export interface Health {
  readonly service: RpcService;
  /** Stops following the status. */
  close(): void;
}

/**
 * The health service that says whether every container has all of its policies. It is separate from the server's own
 * health: one container must not make the whole host look as if nothing was enforced.
 */
const PROTECTION = 'protection';
/**
 * The health service that says whether changes can be stored: with a full disk, what was acknowledged stays in force.
 */
const STORE = 'store';

export const HEALTH_RULES: RulesOf<typeof HealthService> = {
  '/grpc.health.v1.Health/Check': READ_BY_ANYONE,
  '/grpc.health.v1.Health/List': READ_BY_ANYONE,
  '/grpc.health.v1.Health/Watch': READ_BY_ANYONE,
};

/**
 * grpc.health.v1: the server as a whole, named "", and each of the services are SERVING only while policies are
 * enforced; `protection` only while every known container also has all of its policies in force, `store` only while
 * changes can be stored. Watchers are only notified of changes.
 */
export function healthOf(plane: Pick<HostState, 'status' | 'onStatusChange'>, serviceNames: readonly string[]): Health {
  const statuses = new Map(
    ['', ...serviceNames, PROTECTION, STORE].map((name) => [name, servingStatus(name, plane.status())] as const),
  );
  const changes = new EventEmitter<Record<string, [ServingStatus]>>().setMaxListeners(0);
  const close = plane.onStatusChange((status) => {
    for (const [name, before] of statuses) {
      const next = servingStatus(name, status);
      if (next === before) continue;
      statuses.set(name, next);
      changes.emit(name, next);
    }
  });
  const service = RpcService.of(HealthService, {
    check({ service: name }) {
      const status = statuses.get(name);
      if (status === undefined) throw new Failure('not-found', `no service is named ${JSON.stringify(name)}`);
      return { status };
    },
    async watch({ service: name }, call) {
      const send = (status: ServingStatus) => call.write({ status });
      changes.on(name, send);
      send(statuses.get(name) ?? ServingStatus.SERVICE_UNKNOWN);
      await new Promise((resolve) => call.once('cancelled', resolve));
      changes.off(name, send);
    },
    list: () => ({ statuses: Object.fromEntries(Array.from(statuses, ([name, status]) => [name, { status }])) }),
  });
  return { service, close };
}

function servingStatus(name: string, { enforcing, unprotected, leftOut, storeProblem }: HostStatus): ServingStatus {
  const isProtected = unprotected.length === 0 && leftOut.size === 0;
  const isServing = name === STORE ? storeProblem === undefined : enforcing && (name !== PROTECTION || isProtected);
  return isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
}
