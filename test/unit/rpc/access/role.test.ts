import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EventHub } from '../../../../src/events/hub.js';
import { METHOD_RULES, ruleOf } from '../../../../src/rpc/access/method-table.js';
import { clientNameProblem, includesRole, roleOf } from '../../../../src/rpc/access/role.js';
import { createKubearmorServices, KUBEARMOR_SERVICES } from '../../../../src/rpc/kubearmor/services.js';
import { createServices, SERVICE_NAMES } from '../../../../src/rpc/services.js';
import { InMemoryControlPlane } from '../../../support/in-memory-control-plane.js';
import { DESCRIPTORS, LogRecorder } from '../support.js';

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

describe('the table of methods', () => {
  test('has every method that is served', () => {
    const served = servedMethods();
    assert.deepEqual(
      served.filter((path) => !Object.hasOwn(METHOD_RULES, path)),
      [],
    );
    for (const name of [...SERVICE_NAMES, ...KUBEARMOR_SERVICES])
      assert.ok(served.some((path) => path.startsWith(`/${name}/`)));
  });

  test('requires an administrator for an unknown method, and audits it', () => {
    for (const path of ['/hauberk.v1.PolicyService/Unheard', 'constructor']) {
      assert.deepEqual(ruleOf(path), { needs: 'admin', isWrite: true });
    }
  });

  test('requires an administrator to change policies, and an operator to change containers', () => {
    const needs = (path: string) => ruleOf(`/hauberk.v1.${path}`).needs;
    for (const method of ['ApplyPolicy', 'DeletePolicy', 'SyncPolicies', 'SetPosture']) {
      assert.equal(needs(`PolicyService/${method}`), 'admin');
    }
    for (const method of ['RegisterContainer', 'UnregisterContainer', 'SyncContainers']) {
      assert.equal(needs(`ContainerService/${method}`), 'operator');
    }
  });
});

describe('a role', () => {
  test('includes those below it', () => {
    assert.ok(
      includesRole('admin', 'viewer') && includesRole('operator', 'viewer') && includesRole('viewer', 'viewer'),
    );
    assert.ok(!includesRole('viewer', 'operator') && !includesRole('operator', 'admin'));
  });

  test('is the highest that is given to any name of a client', () => {
    const roles = { viewer: ['gid:5', 'cn:a'], operator: [], admin: ['uid:7'] };
    assert.equal(roleOf(['uid:7', 'gid:5'], roles), 'admin');
    assert.equal(roleOf(['uid:8', 'gid:5'], roles), 'viewer');
    assert.equal(roleOf(['uid:5'], roles), undefined);
  });
});

describe('the name of a client', () => {
  for (const name of ['spiffe://example.org/ns/a/sa/b', 'spiffe://e/x', 'cn:Jane Doe', 'uid:0', 'gid:4294967295']) {
    test(`may be ${name}`, () => assert.equal(clientNameProblem(name), undefined));
  }

  for (const [name, problem] of [
    ['spiffe://example.org', 'is not a SPIFFE id'],
    ['spiffe://Example.org/a', 'is not a SPIFFE id'],
    ['spiffe://example.org/../a', 'is not a SPIFFE id'],
    ['spiffe://example.org/a/', 'is not a SPIFFE id'],
    ['cn:', 'must be followed by a common name'],
    ['uid:root', 'must have a decimal number after the colon'],
    ['gid:01', 'must have a decimal number after the colon'],
    ['dashboard', 'must begin with spiffe://, cn:, user:, group:, uid: or gid:'],
  ] as const) {
    test(`may not be ${name}`, () => assert.ok(clientNameProblem(name)?.endsWith(problem)));
  }
});
