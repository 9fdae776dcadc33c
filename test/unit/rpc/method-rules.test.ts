import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventHub } from '../../../src/events/hub.js';
import { HostServiceService } from '../../../src/generated/hauberk/v1/host.js';
import type { RulesOf } from '../../../src/rpc/access/method-rule.js';
import { RpcService } from '../../../src/rpc/handler.js';
import { createKubearmorServices, KUBEARMOR_SERVICES } from '../../../src/rpc/kubearmor/services.js';
import { METHOD_RULES, ruleOf } from '../../../src/rpc/method-rules.js';
import { createServices, SERVICE_NAMES } from '../../../src/rpc/services.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { DESCRIPTORS, LogRecorder } from './support.js';

/** Paths of all methods that the daemon registers. */
function servedMethods(): string[] {
  const sources = { plane: new InMemoryControlPlane(), hub: new EventHub(), descriptorSet: DESCRIPTORS };
  const services = [
    createServices(sources),
    createKubearmorServices({
      ...sources,
      logger: new LogRecorder(),
      eventsPerSecond: 0,
      throttle: { perSecond: 0, silence: 30 },
    }),
  ].flatMap(({ services, close }) => {
    close();
    return services;
  });
  const paths: string[] = [];
  const registry = {
    addService: (definition: Record<string, { path: string }>) => {
      paths.push(...Object.values(definition).map(({ path }) => path));
    },
  };
  for (const service of services) service.addTo(registry as never, new LogRecorder());
  return paths;
}

describe('the rules of methods', () => {
  test('are there for every method that is served, and for no other', () => {
    const served = servedMethods();
    assert.deepEqual([...new Set(served)].sort(), Object.keys(METHOD_RULES).sort());
    for (const name of [...SERVICE_NAMES, ...KUBEARMOR_SERVICES])
      assert.ok(served.some((path) => path.startsWith(`/${name}/`)));
  });

  test('are complete: tsc reports a service with a method that has none', () => {
    // @ts-expect-error: one rule is missing
    const incomplete: RulesOf<typeof HostServiceService> = { '/hauberk.v1.HostService/GetStatus': { needs: 'viewer' } };
    const method = { ...HostServiceService.getStatus, path: '/hauberk.v1.HostService/Unheard' as const };
    // @ts-expect-error: no rule has this path
    const service = RpcService.of({ method }, { method: () => assert.fail() });
    assert.ok(incomplete && service);
  });

  test('require an administrator for an unknown method, and audit it', () => {
    for (const path of ['/hauberk.v1.PolicyService/Unheard', 'constructor']) {
      assert.deepEqual(ruleOf(path), { needs: 'admin', isWrite: true });
    }
  });

  test('require an administrator to change policies, and an operator to change containers', () => {
    const needs = (path: string) => ruleOf(`/hauberk.v1.${path}`).needs;
    for (const method of ['ApplyPolicy', 'DeletePolicy', 'SyncPolicies', 'SetPosture']) {
      assert.equal(needs(`PolicyService/${method}`), 'admin');
    }
    for (const method of ['RegisterContainer', 'UnregisterContainer', 'SyncContainers']) {
      assert.equal(needs(`ContainerService/${method}`), 'operator');
    }
  });
});
