import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { CONTAINERS_MAX, type Container } from '../../../src/containers/container.js';
import {
  ContainerChange_Kind,
  ContainerOrigin,
  type RegisterContainerRequest,
} from '../../../src/generated/hauberk/v1/container.js';
import { AccessClass, Action } from '../../../src/generated/hauberk/v1/policy.js';
import { answerOf, containerClient, FIRST_PAGE, manifest, refusal, serveAll } from './support.js';

async function start(test: TestContext) {
  const { server, plane } = await serveAll(test);
  const client = containerClient(test, server);
  const blank = { id: '', name: '', namespace: '', labels: {}, identity: undefined };
  return {
    plane,
    register: (request: Partial<RegisterContainerRequest>) =>
      answerOf(client, (c) => c.registerContainer, { ...blank, ...request }),
    sync: (requests: readonly Partial<RegisterContainerRequest>[]) =>
      answerOf(client, (c) => c.syncContainers, { containers: requests.map((request) => ({ ...blank, ...request })) }),
    unregister: (id: string) => answerOf(client, (c) => c.unregisterContainer, { id }),
    list: (namespace = '') => answerOf(client, (c) => c.listContainers, { namespace, ...FIRST_PAGE }),
    effective: (containerId: string) => answerOf(client, (c) => c.getEffectivePolicy, { containerId, ...FIRST_PAGE }),
  };
}

const otherIdentity = { $case: 'namespaces', value: { pidNamespace: 21, mountNamespace: 22 } } as const;
const identity = { $case: 'namespaces', value: { pidNamespace: 11, mountNamespace: 12 } } as const;

describe('RegisterContainer', () => {
  test('registers by namespaces, with the id as name and the default namespace', async (t) => {
    const { register } = await start(t);
    const { container, changed } = await register({ id: 'c1', labels: { app: 'web' }, identity });
    assert.equal(changed, true);
    const { protection, ...described } = container!;
    assert.deepEqual([protection?.protected, protection?.leftOutPolicies], [true, []]);
    assert.deepEqual(described, {
      id: 'c1',
      name: 'c1',
      namespace: 'default',
      labels: { app: 'web' },
      namespaces: { pidNamespace: 11, mountNamespace: 12 },
      pid: 0,
      origin: ContainerOrigin.REGISTERED,
      policies: [],
      imageId: 40,
    });
    assert.equal((await register({ id: 'c1', labels: { app: 'web' }, identity })).changed, false);
  });

  test('registers by a process', async (t) => {
    const { register } = await start(t);
    const { pid } = process;
    const request = { id: 'c1', name: 'web-1', namespace: 'shop', identity: { $case: 'pid', value: pid } } as const;
    const { container } = await register(request);
    assert.deepEqual([container?.name, container?.namespace, container?.pid], ['web-1', 'shop', pid]);
    assert.equal(container?.namespaces?.mountNamespace, statSync('/proc/self/ns/mnt').ino);
  });

  test('registers a process that the caller has started, itself or through others, and no other', async (t) => {
    const { register, sync } = await start(t);
    const shell = spawn('sh', ['-c', 'sleep 100 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => shell.kill());
    const [line] = await once(shell.stdout, 'data');
    const grandchild = Number(line);
    t.after(() => process.kill(grandchild));
    const child = (value: number) => ({ id: 'c1', identity: { $case: 'childPid', value } }) as const;
    assert.equal((await register(child(grandchild))).container?.pid, grandchild);
    const none = `was not started by the caller, process ${process.pid}`;
    for (const [pid, problem] of [
      [0, 'must not be zero'],
      [process.pid, `process ${process.pid} ${none}`],
      [process.ppid, `process ${process.ppid} ${none}`],
      [2 ** 31 - 1, 'no process 2147483647'],
      [2 ** 32 - 1, 'no process 4294967295'],
    ] as const)
      assert.deepEqual((await refusal(register(child(pid)))).violations, [['child_pid', problem]]);
    const { violations } = await refusal(sync([child(process.ppid)]));
    assert.deepEqual(violations, [['containers[0].child_pid', `process ${process.ppid} ${none}`]]);
  });

  test('returns RESOURCE_EXHAUSTED when the kernel has no room for more', async (t) => {
    const { register, unregister, plane } = await start(t);
    const containers = Array.from({ length: CONTAINERS_MAX }, (_, index): Container => {
      const namespaces = { pidNamespace: index + 100, mountNamespace: index + 100 };
      return { id: `c${index}`, name: '', namespace: '', labels: {}, origin: 'registered', namespaces, links: {} };
    });
    await plane.containers.sync(containers);
    const { code, message } = await refusal(register({ id: 'one-more', identity }));
    assert.equal(code, 'RESOURCE_EXHAUSTED');
    assert.match(message, /65536 containers are more than the 65535 /);
    assert.equal(plane.containers.list().length, CONTAINERS_MAX);
    await unregister('c0');
    await register({ id: 'one-more', identity });
  });

  test('names every invalid field, and registers nothing', async (t) => {
    const { register, plane } = await start(t);
    const { code, violations } = await refusal(
      register({
        name: 'a\nb',
        namespace: 'Shop',
        labels: { '': 'x', key: 'a\0b', long: 'y'.repeat(4097) },
        identity: { $case: 'namespaces', value: { pidNamespace: 0, mountNamespace: 0 } },
      }),
    );
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.deepEqual(violations, [
      ['id', 'must not be empty'],
      ['name', 'must not contain control characters'],
      [
        'namespace',
        'must be lower-case letters, digits and `-`, starting and ending in a letter or digit, ' +
          'at most 63 characters (a DNS-1123 label)',
      ],
      ['labels', 'must not contain an empty key'],
      ['labels["key"]', 'must not contain control characters'],
      ['labels["long"]', 'is longer than 4096 characters'],
      ['namespaces.pid_namespace', 'must not be zero'],
      ['namespaces.mount_namespace', 'must not be zero'],
    ]);
    assert.deepEqual(plane.containers.list(), []);
  });

  test('refuses a missing identity, process 0 and a too long id', async (t) => {
    const { register } = await start(t);
    const missing = await refusal(register({ id: 'c1' }));
    assert.deepEqual(missing.violations, [['identity', 'one of pid and namespaces must be set']]);
    const zero = await refusal(register({ id: 'c1', identity: { $case: 'pid', value: 0 } }));
    assert.deepEqual(zero.violations, [['pid', 'must not be zero']]);
    const long = await refusal(register({ id: 'c'.repeat(254), identity }));
    assert.deepEqual(long.violations, [['id', 'is longer than 253 characters']]);
  });
});

describe('SyncContainers', () => {
  const { ADDED, CHANGED, REMOVED, UNCHANGED } = ContainerChange_Kind;

  test('replaces the registered containers by those of the request, and keeps those of Docker', async (t) => {
    const { register, sync, list, plane } = await start(t);
    const docker = { id: 'd1', name: 'd1', namespace: 'default', labels: {}, origin: 'docker' } as const;
    await plane.tracker.register(docker, { pidNamespace: 31, mountNamespace: 32 });
    await register({ id: 'c1', identity });
    await register({ id: 'c2', identity: otherIdentity });
    const moved = { $case: 'namespaces', value: { pidNamespace: 41, mountNamespace: 42 } } as const;
    const { changes, revision } = await sync([
      { id: 'c2', identity: otherIdentity, labels: { app: 'web' } },
      { id: 'c3', identity: moved },
    ]);
    assert.deepEqual(changes, [
      { id: 'c1', kind: REMOVED },
      { id: 'c2', kind: CHANGED },
      { id: 'c3', kind: ADDED },
    ]);
    assert.equal(revision, 4n);
    assert.deepEqual(
      (await list()).containers.map(({ id }) => id),
      ['c2', 'c3', 'd1'],
    );
    const again = await sync([
      { id: 'c3', identity: moved },
      { id: 'c2', identity: otherIdentity, labels: { app: 'web' } },
    ]);
    assert.deepEqual(
      again.changes.map(({ kind }) => kind),
      [UNCHANGED, UNCHANGED],
    );
    assert.equal(again.revision, 4n);
  });

  test('removes a container whose namespace numbers a later one reuses', async (t) => {
    const { register, plane, list } = await start(t);
    await register({ id: 'old', identity });
    const old = { ...plane.containers.get('old')!, initStartTicks: 100 };
    await plane.containers.put(old);
    const { result } = await plane.containers.put({ ...old, id: 'new', initStartTicks: 200 });
    assert.deepEqual([result.container.id, result.kind], ['new', 'added']);
    assert.deepEqual(
      (await list()).containers.map(({ id }) => id),
      ['new'],
    );
    assert.deepEqual(plane.commits.at(-1)?.deleteContainers, ['old']);
  });

  test('names every problem by its container, and changes nothing', async (t) => {
    const { register, sync, list } = await start(t);
    await register({ id: 'c1', identity });
    const twice = await refusal(sync([{ id: 'a', identity }, { id: 'a' }]));
    assert.deepEqual(twice.violations, [
      ['containers[1].identity', 'one of pid and namespaces must be set'],
      ['containers[1].id', 'is given twice'],
    ]);
    const gone = await refusal(sync([{ id: 'a', identity: { $case: 'pid', value: 4_000_000 } }]));
    assert.deepEqual(gone.violations, [['containers[0].pid', 'no process 4000000']]);
    const shared = await refusal(
      sync([
        { id: 'a', identity },
        { id: 'b', identity },
      ]),
    );
    assert.deepEqual(shared.violations, [['namespaces', 'containers a and b cannot both have these namespaces']]);
    assert.deepEqual(
      (await list()).containers.map(({ id }) => id),
      ['c1'],
    );
  });
});

describe('UnregisterContainer', () => {
  test('removes the container', async (t) => {
    const { register, unregister, plane } = await start(t);
    await register({ id: 'c1', identity });
    assert.deepEqual(await unregister('c1'), { revision: 2n });
    assert.deepEqual(plane.containers.list(), []);
  });

  test('returns NOT_FOUND for an unknown container, and needs an id', async (t) => {
    const { unregister } = await start(t);
    const missing = await refusal(unregister('c1'));
    assert.deepEqual([missing.code, missing.message], ['NOT_FOUND', 'no container c1']);
    assert.deepEqual((await refusal(unregister(''))).violations, [['id', 'must not be empty']]);
  });
});

describe('ListContainers', () => {
  test('lists one namespace or all of them, with the policies that reach each', async (t) => {
    const { register, list, plane } = await start(t);
    await register({ id: 'c1', labels: { app: 'web' }, identity });
    await register({ id: 'c2', namespace: 'shop', identity: otherIdentity });
    await plane.policies.apply(plane.policies.readManifest(manifest('one')));
    const shown = async (namespace: string) =>
      (await list(namespace)).containers.map(({ id, policies, imageId }) => [id, policies, imageId]);
    assert.deepEqual(await shown(''), [
      ['c1', ['default/one'], 41],
      ['c2', [], 40],
    ]);
    assert.deepEqual(await shown('shop'), [['c2', [], 40]]);
  });
});

describe('GetEffectivePolicy', () => {
  test('shows the rules in force and the posture of classes with an Allow rule', async (t) => {
    const { register, effective, plane } = await start(t);
    await register({ id: 'c1', labels: { app: 'web' }, identity });
    const two = manifest('two', '/srv/data').replace('Block', 'Allow');
    await plane.policies.apply(plane.policies.readManifest(`${manifest('one')}---\n${two}`));
    const { container, rules, postures } = await effective('c1');
    assert.equal(container?.id, 'c1');
    const shown = rules.map(({ policyNamespace, policy, rule }) => [
      policyNamespace,
      policy,
      rule?.match,
      rule?.action,
    ]);
    assert.deepEqual(shown.sort(), [
      ['default', 'one', { $case: 'path', value: '/etc/shadow' }, Action.BLOCK],
      ['default', 'two', { $case: 'path', value: '/srv/data' }, Action.ALLOW],
    ]);
    assert.deepEqual(postures, [{ class: AccessClass.FILE, action: Action.AUDIT }]);
  });

  test('returns NOT_FOUND for an unknown container, and needs an id', async (t) => {
    const { effective } = await start(t);
    const missing = await refusal(effective('c1'));
    assert.deepEqual([missing.code, missing.message], ['NOT_FOUND', 'no container c1']);
    assert.deepEqual((await refusal(effective(''))).violations, [['container_id', 'must not be empty']]);
  });
});
