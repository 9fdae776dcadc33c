import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { hostAsSubject } from '../../../src/control/host.js';
import { Failure } from '../../../src/failure.js';
import { crampedPlane, InMemoryControlPlane, MemoryKernel } from '../../support/in-memory-control-plane.js';
import { manifest } from '../rpc/support.js';

const web = (id: string, inode: number, namespace = 'default') =>
  [
    { id, name: id, namespace, labels: { app: 'web' }, origin: 'registered' },
    { pidNamespace: inode, mountNamespace: inode + 1 },
  ] as const;
const apply = (plane: InMemoryControlPlane, text: string) => plane.policies.apply(plane.policies.readManifest(text));

/** For each container in the kernel the rules of its image. */
function held(plane: InMemoryControlPlane): Record<string, string[]> {
  return Object.fromEntries(
    [...plane.kernel.published].map(([key, { imageId }]) => {
      const { rules } = plane.kernel.images.get(imageId)!;
      return [key, rules.map((rule) => ('policy' in rule ? `${rule.policy.name} ${rule.rule.id}` : rule.posture))];
    }),
  );
}

test('containers with equal rules share one image, and images that no container uses are released', async () => {
  const plane = new InMemoryControlPlane();
  for (const inode of [10, 20, 30]) await plane.tracker.register(...web(`c${inode}`, inode));
  await apply(plane, manifest('one'));
  assert.equal(plane.kernel.images.size, 1);
  const rules = ['one file.matchPaths[0]'];
  assert.deepEqual(held(plane), { '10:11': rules, '20:21': rules, '30:31': rules });
  await plane.policies.delete({ namespace: 'default', name: 'one' }, 0);
  assert.equal(plane.kernel.images.size, 1);
  assert.deepEqual(held(plane), { '10:11': [], '20:21': [], '30:31': [] });
});

test('system calls are observed only while a rule that reaches a container needs it', async () => {
  const plane = new InMemoryControlPlane();
  const calls = (name: string, rules: string) => manifest(name).replace(/file:.*$/su, `syscalls: {${rules}}\n`);
  await apply(plane, calls('by-name', 'matchSyscalls: [{syscall: [kill]}]'));
  assert.equal(plane.kernel.observesCalls, false);
  await plane.tracker.register(...web('c1', 10));
  assert.equal(plane.kernel.observesCalls, true);
  await apply(plane, calls('by-name', 'matchPaths: [{path: /tmp/, syscall: [unlinkat]}]'));
  assert.equal(plane.kernel.observesCalls, false);
  await apply(plane, calls('another', 'matchSyscalls: [{syscall: [kill]}]'));
  assert.equal(plane.kernel.observesCalls, true);
  // Only once nothing needs it any more.
  plane.kernel.failure = new Error('out of memory');
  await assert.rejects(plane.policies.delete({ namespace: 'default', name: 'another' }, 0));
  assert.equal(plane.kernel.observesCalls, true);
  plane.kernel.failure = undefined;
  await plane.ledger.whenEnforced(plane.ledger.revision, AbortSignal.timeout(10_000));
  assert.equal(plane.kernel.observesCalls, false);
});

test('DNS answers are read only while a rule that reaches a container names hosts', async () => {
  const plane = new InMemoryControlPlane();
  const hosts = (name: string, rules: string) => manifest(name).replace(/file:.*$/su, `network: {${rules}}\n`);
  await apply(plane, hosts('by-name', 'matchDNSQueries: [{domain: example.com}]'));
  assert.equal(plane.kernel.readsAnswers, false);
  await plane.tracker.register(...web('c1', 10));
  assert.equal(plane.kernel.readsAnswers, true);
  await apply(plane, hosts('by-name', 'matchEndpoints: [{cidr: 10.0.0.0/8}]'));
  assert.equal(plane.kernel.readsAnswers, false);
  await apply(plane, hosts('another', 'matchDNSQueries: [{domain: example.com}]'));
  assert.equal(plane.kernel.readsAnswers, true);
  // Only once nothing needs it any more.
  plane.kernel.failure = new Error('out of memory');
  await assert.rejects(plane.policies.delete({ namespace: 'default', name: 'another' }, 0));
  assert.equal(plane.kernel.readsAnswers, true);
  plane.kernel.failure = undefined;
  await plane.ledger.whenEnforced(plane.ledger.revision, AbortSignal.timeout(10_000));
  assert.equal(plane.kernel.readsAnswers, false);
});

test('a change is on disk before the kernel decides by it', async () => {
  const plane = new InMemoryControlPlane();
  await plane.tracker.register(...web('c1', 10));
  const before = [...plane.kernel.published];
  const commit = plane.ledger.store.commit;
  let seen: unknown;
  plane.ledger.store.commit = async (changes) => {
    seen = [...plane.kernel.published];
    await commit(changes);
  };
  await apply(plane, manifest('one'));
  assert.deepEqual(seen, before);
  const { putPolicies, putImageRecords, revision } = plane.commits.at(-1)!;
  assert.deepEqual([putPolicies?.[0]?.policy.name, putPolicies?.[0]?.version, revision], ['one', 2, 2]);
  assert.equal(putImageRecords?.[0]?.imageId, plane.kernel.published.get('10:11')?.imageId);
});

test('a change that cannot be stored changes nothing', async () => {
  const plane = new InMemoryControlPlane();
  await plane.tracker.register(...web('c1', 10));
  const [before, images] = [held(plane), plane.kernel.images.size];
  plane.ledger.store.commit = async () => {
    throw new Error('disk full');
  };
  await assert.rejects(apply(plane, manifest('one')), /disk full/);
  assert.deepEqual(held(plane), before);
  assert.equal(plane.kernel.images.size, images);
  assert.deepEqual(plane.policies.list(), []);
  assert.deepEqual([plane.ledger.revision, plane.ledger.enforcedRevision], [1, 1]);
  assert.equal(plane.host.status().enforcing, true);
});

test('a change that cannot be compiled for one container changes none', async () => {
  const plane = crampedPlane();
  await plane.tracker.register(...web('c1', 10));
  await apply(plane, manifest('one'));
  const before = held(plane);
  const complex = manifest('two')
    .replace('matchPaths', 'matchPatterns')
    .replace('path: /etc/shadow', `pattern: '/**a${'?'.repeat(30)}b'`);
  await assert.rejects(apply(plane, complex), (error: Failure) => {
    assert.ok(error instanceof Failure);
    assert.equal(error.code, 'resource-exhausted');
    return true;
  });
  assert.deepEqual(held(plane), before);
  assert.equal(plane.ledger.revision, 2);
});

test('concurrent changes are made one after the other', async () => {
  const plane = new InMemoryControlPlane();
  await plane.tracker.register(...web('c1', 10));
  const names = Array.from({ length: 20 }, (_, index) => `p${index}`);
  const outcomes = await Promise.all(names.map((name, index) => apply(plane, manifest(name, `/etc/${index}`))));
  assert.deepEqual(
    outcomes.map(({ revision }) => revision),
    names.map((_, index) => index + 2),
  );
  assert.equal(held(plane)['10:11']?.length, 20);
});

test('after a publication that failed the whole state is published again, and stale containers are removed', async () => {
  const plane = new InMemoryControlPlane();
  await plane.tracker.register(...web('c1', 10));
  await plane.tracker.register(...web('c2', 20));
  plane.kernel.failure = new Error('no memory');
  await assert.rejects(plane.tracker.unregister('c2'), /the kernel did not take the last change: no memory/);
  await assert.rejects(apply(plane, manifest('one')), /no memory/);
  assert.equal(plane.host.status().reason, 'the kernel did not take the last change: no memory');
  plane.kernel.failure = undefined;
  await plane.ledger.whenEnforced(plane.ledger.revision, AbortSignal.timeout(10_000));
  assert.deepEqual(held(plane), { '10:11': ['one file.matchPaths[0]'] });
  assert.equal(plane.host.status().reason, '');
});

test('unneeded entries of an earlier daemon in the kernel are removed at the start', async () => {
  const plane = new InMemoryControlPlane();
  plane.kernel.published.set('7:8', { imageId: 1 });
  await plane.ledger.start(['gone']);
  assert.deepEqual(held(plane), {});
  assert.deepEqual(plane.commits.at(-1)?.deleteContainers, ['gone']);
});

test('waiting for a revision can be cancelled', async () => {
  const plane = new InMemoryControlPlane();
  const givenUp = new AbortController();
  const waiting = plane.ledger.whenEnforced(5, givenUp.signal);
  givenUp.abort();
  assert.equal(await waiting, undefined);
});

test('a publication that the kernel refuses is retried every second until it succeeds or the daemon ends', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const plane = new InMemoryControlPlane();
  await plane.tracker.register(...web('c1', 10));
  const turns = async () => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const attempts = t.mock.method(plane.kernel, 'publish');
  const changes = t.mock.method(plane.ledger, 'onChange');
  plane.kernel.failure = new Error('no memory');
  await assert.rejects(apply(plane, manifest('one')), /no memory/);
  assert.deepEqual([attempts.mock.callCount(), changes.mock.callCount()], [1, 1]);
  for (const count of [2, 3]) {
    t.mock.timers.tick(1000);
    await turns();
    assert.deepEqual([attempts.mock.callCount(), changes.mock.callCount()], [count, count]);
  }
  assert.equal(plane.ledger.enforcedRevision, 1);
  plane.kernel.failure = undefined;
  t.mock.timers.tick(1000);
  await turns();
  assert.deepEqual([attempts.mock.callCount(), changes.mock.callCount(), plane.ledger.enforcedRevision], [4, 4, 2]);
  t.mock.timers.tick(10_000);
  await turns();
  assert.equal(attempts.mock.callCount(), 4);
  plane.kernel.failure = new Error('no memory');
  await assert.rejects(apply(plane, manifest('two')), /no memory/);
  await plane.ledger.stop();
  t.mock.timers.tick(10_000);
  await turns();
  assert.equal(attempts.mock.callCount(), 5);
});

test('containers that were removed from the kernel are published again, with retries', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const plane = new InMemoryControlPlane();
  await plane.tracker.register(...web('c1', 10));
  const changes = t.mock.method(plane.ledger, 'onChange');
  plane.kernel.published.clear();
  plane.kernel.failure = new Error('no memory');
  await plane.ledger.publishAgain(['10:11']);
  assert.deepEqual([plane.kernel.published.size, changes.mock.callCount()], [0, 1]);
  plane.kernel.failure = undefined;
  t.mock.timers.tick(1000);
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([plane.kernel.published.size, changes.mock.callCount()], [1, 2]);
  plane.kernel.published.clear();
  await plane.ledger.publishAgain(['10:11']);
  assert.deepEqual([plane.kernel.published.size, changes.mock.callCount()], [1, 3]);
});

test('the duration of each change is reported in seconds, once the kernel has it', async (t) => {
  const plane = new InMemoryControlPlane();
  const applied = t.mock.method(plane.ledger, 'onApplied');
  const began = performance.now();
  plane.kernel.beforePublish = () => new Promise((resolve) => setTimeout(resolve, 20));
  await plane.tracker.register(...web('c1', 10));
  await apply(plane, manifest('one'));
  const all = (performance.now() - began) / 1000;
  const seconds = applied.mock.calls.map((call) => (call.arguments as unknown as [number])[0]);
  assert.equal(seconds.length, 2);
  for (const each of seconds) assert.ok(each >= 0.019 && each <= all, `${each} of ${all}`);
});

test('a container is found by its namespaces, the host among them', () => {
  const host = hostAsSubject({ pidNamespace: 3, mountNamespace: 4 }, {}, {});
  const plane = new InMemoryControlPlane(NOTHING_DESIRED, new MemoryKernel(), host);
  assert.equal(plane.ledger.containerAt({ pidNamespace: 3, mountNamespace: 4 }), host);
  assert.equal(plane.ledger.containerAt({ pidNamespace: 3, mountNamespace: 5 }), undefined);
  assert.equal(new InMemoryControlPlane().ledger.containerAt({ pidNamespace: 3, mountNamespace: 4 }), undefined);
});

test('a missing object is reported as not found, and a repeated change as unchanged', async () => {
  const plane = new InMemoryControlPlane();
  assert.deepEqual(
    [plane.ledger.notFound('policy x').code, plane.ledger.notFound('policy x').message],
    ['not-found', 'no policy x'],
  );
  await apply(plane, manifest('one'));
  const written = plane.commits.length;
  const { result, revision } = await apply(plane, manifest('one'));
  assert.deepEqual([result[0]!.kind, revision, plane.commits.length], ['unchanged', 1, written]);
});
