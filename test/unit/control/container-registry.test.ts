import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTAINERS_MAX, type Container, namespaceKey } from '../../../src/containers/container.js';
import { namespacesOf } from '../../../src/containers/procfs.js';
import { planContainers } from '../../../src/control/container-plan.js';
import { ContainerTracker } from '../../../src/control/container-tracker.js';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { ContainerDraft } from '../../../src/control/known-containers.js';
import { PolicySet } from '../../../src/policy/policy-set.js';
import { finish } from '../../../src/steps.js';
import { HOST_MOUNT_NAMESPACE, InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { makePolicy } from '../policy/support.js';

function container(id: string, number: number, changes: Partial<Container> = {}): Container {
  return {
    id,
    name: id,
    namespace: 'default',
    labels: { app: 'web' },
    origin: 'registered',
    namespaces: { pidNamespace: number, mountNamespace: number + 1 },
    links: {},
    ...changes,
  };
}
const idsIn = ({ containers }: InMemoryControlPlane) => containers.list().map(({ id }) => id);

test('synchronising registered containers does not change those of a runtime', async () => {
  const plane = new InMemoryControlPlane();
  for (const each of [container('a', 10), container('b', 20), container('d', 30, { origin: 'docker' })])
    await plane.containers.put(each);
  await plane.containers.sync([container('b', 20), container('c', 40)]);
  assert.deepEqual(idsIn(plane), ['b', 'c', 'd']);
});

test('a container that is not registered yet is under the rules of all policies that reach it', async () => {
  const plane = new InMemoryControlPlane({ ...NOTHING_DESIRED, policies: PolicySet.empty.with([makePolicy()]) });
  const [web, other] = [container('a', 10), container('b', 20, { labels: { app: 'other' } })];
  const namesOf = (each: Container) => plane.containers.ruleSetOf(each).rules.map(({ policy }) => policy.name);
  assert.deepEqual([namesOf(web), namesOf(other)], [['sample'], []]);
  assert.equal(plane.containers.imageIdOf(web), 0);
  await plane.containers.put(web);
  assert.deepEqual([namesOf(web), plane.containers.imageIdOf(web)], [['sample'], 40]);
});

test('namespaces that a later container reuses are published for it and removed from the one before', async () => {
  const plane = new InMemoryControlPlane();
  const first = container('first', 10, { initStartTicks: 5 });
  await plane.containers.put(first);
  const published: string[][] = [];
  plane.kernel.beforePublish = async (entries) =>
    void published.push(entries.map((entry) => namespaceKey(entry.container)));
  await plane.containers.put(container('second', 10, { initStartTicks: 6 }));
  assert.deepEqual(idsIn(plane), ['second']);
  assert.deepEqual(published, [[namespaceKey(first.namespaces)]]);
  await plane.containers.put(container('second', 10, { initStartTicks: 7 }));
  assert.deepEqual(published.length, 2);
  await assert.rejects(plane.containers.put(container('third', 10, { initStartTicks: 7 })), {
    code: 'invalid-argument',
  });
});

test('a process in the mount namespace of the host, or in none, is not a container', async () => {
  const { tracker } = new InMemoryControlPlane();
  const { namespaces: _, links: __, ...description } = container('a', 10);
  for (const [identity, field] of [
    [{ pidNamespace: 7, mountNamespace: HOST_MOUNT_NAMESPACE }, 'namespaces.mount_namespace'],
    [{ pidNamespace: 7, mountNamespace: 0 }, 'namespaces.mount_namespace'],
    [{ pidNamespace: 0, mountNamespace: 7 }, 'namespaces.pid_namespace'],
  ] as const) {
    await assert.rejects(tracker.register(description, identity), (error: { problems?: { field: string }[] }) => {
      assert.deepEqual(
        error.problems?.map((each) => each.field),
        [field],
      );
      return true;
    });
  }
});

test('a process that shares the mount namespace of the host is in no container', async () => {
  const { containers } = new InMemoryControlPlane();
  const logger = { info: () => undefined, warn: () => undefined };
  const tracker = new ContainerTracker(containers, logger, namespacesOf(process.pid).mountNamespace, () => ({
    device: 42,
  }));
  const { namespaces: _, links: __, ...description } = container('a', 10);
  await assert.rejects(tracker.register(description, { pid: process.pid }), /the host's own mount namespace/);
  assert.deepEqual(containers.list(), []);
});

test("a host can have as many containers as fit into the kernel's maps, and no more", () => {
  const known = (size: number) => new ContainerDraft({ size, get: () => undefined, at: () => undefined });
  assert.equal(finish(planContainers(known(CONTAINERS_MAX - 1), [container('a', 10)], [])).length, 1);
  assert.throws(() => finish(planContainers(known(CONTAINERS_MAX), [container('a', 10)], [])), {
    code: 'resource-exhausted',
  });
});
