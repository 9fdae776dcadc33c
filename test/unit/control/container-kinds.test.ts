import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { type Kind, Kinds, KindUses } from '../../../src/control/container-kinds.js';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { type Decisions, likenessOf } from '../../../src/control/resolution.js';
import { PolicySet } from '../../../src/policy/policy-set.js';
import { makePolicy } from '../policy/support.js';

function container(id: string, changes: Partial<Container> = {}): Container {
  const namespaces = { pidNamespace: 10, mountNamespace: 11 };
  return { id, name: id, namespace: 'default', labels: {}, origin: 'docker', namespaces, links: {}, ...changes };
}

const kindOf = (likeness: string) => ({ likeness }) as Kind;

/** Uses of kinds, with the keys of those that were dropped. */
function usesOf(mayBeIdle: (kind: Kind) => boolean = () => true) {
  const dropped: string[] = [];
  const uses = new KindUses(mayBeIdle, ({ likeness }) => dropped.push(likeness));
  const use = (kind: Kind) => {
    uses.add(kind);
    uses.hold(kind);
    return kind;
  };
  return { uses, dropped, use };
}

/** Kinds, and the containers for which one was computed. */
function kindsOf(make: () => Promise<void> = async () => undefined) {
  const made: string[] = [];
  const { uses, dropped } = usesOf();
  const kinds = new Kinds(NOTHING_DESIRED, uses, async ({ id }) => {
    made.push(id);
    await make();
    return {} as Kind;
  });
  return { kinds, uses, made, dropped };
}

test('a kind is computed once for similar containers, also for concurrent requests', async () => {
  const { kinds, uses, made } = kindsOf();
  const [a, b] = await Promise.all([kinds.claim(container('a')), kinds.claim(container('b'))]);
  assert.equal(a.kind, b.kind);
  assert.deepEqual([a.container.id, b.container.id, a.kinds], ['a', 'b', kinds]);
  const other = await kinds.claim(container('c', { namespace: 'other' }));
  assert.notEqual(other.kind, a.kind);
  assert.deepEqual(made, ['a', 'c']);
  assert.equal(kinds.has(a.kind), true);
  kinds.forget(a.kind);
  assert.equal(kinds.has(a.kind), false);
  uses.release(a.kind);
  await kinds.claim(container('d'));
  assert.deepEqual(made, ['a', 'c', 'd']);
});

test('after a failure the next request computes the kind again', async () => {
  let failure: Error | undefined = new Error('too large');
  const { kinds, made } = kindsOf(async () => {
    if (failure !== undefined) throw failure;
  });
  await assert.rejects(kinds.claim(container('a')), failure);
  failure = undefined;
  await kinds.claim(container('a'));
  assert.deepEqual(made, ['a', 'a']);
});

test('a kind that is the same under other policies is kept, unless there is one already', async () => {
  const { kinds, made, uses } = kindsOf();
  const likeness = likenessOf(container('a'), NOTHING_DESIRED);
  const kept = kindOf(likeness);
  uses.add(kept);
  kinds.keep(kept);
  kinds.keep(kindOf(likeness));
  assert.equal((await kinds.claim(container('a'))).kind, kept);
  assert.deepEqual(made, []);
  kinds.forget(kindOf(likeness));
  assert.equal(kinds.has(kept), true, 'only itself is forgotten');
});

test('sixteen unused kinds are kept, and the longest unused one is dropped first', () => {
  const { uses, dropped, use } = usesOf();
  const kinds = Array.from({ length: 18 }, (_, index) => use(kindOf(`${index}`)));
  for (const kind of kinds.slice(0, 16)) uses.release(kind);
  assert.deepEqual(dropped, []);
  uses.hold(kinds[0]!);
  uses.release(kinds[0]!);
  uses.release(kinds[16]!);
  assert.deepEqual(dropped, ['1']);
  uses.release(kinds[17]!);
  assert.deepEqual(dropped, ['1', '2']);
  uses.dropIdle();
  assert.equal(dropped.length, 18);
  uses.dropIdle();
  assert.equal(dropped.length, 18);
});

test('a kind is kept as long as one of its users holds it', () => {
  const { uses, dropped, use } = usesOf(() => false);
  const kind = use(kindOf('a'));
  uses.hold(kind);
  uses.release(kind);
  uses.dropIdle();
  assert.deepEqual(dropped, []);
  uses.release(kind);
  assert.deepEqual(dropped, ['a'], 'a kind that may not be idle is dropped');
});

const DECISIONS: Decisions = {
  ...NOTHING_DESIRED,
  policies: PolicySet.empty.with([makePolicy({ matchLabels: { app: 'web' } })]),
  profiles: new Map([['p', { name: 'p', subject: { kind: 'container', id: 'profiled' }, started: 1 }]]),
};

test('containers with the same rules are similar, whatever their names and properties that no rule depends on', () => {
  const before = likenessOf(container('a', { links: { '/a': '/1', '/b': '/2' } }), DECISIONS);
  for (const same of [
    { id: 'b', name: 'b', namespaces: { pidNamespace: 20, mountNamespace: 21 } },
    { labels: { app: 'other' } },
    { links: { '/b': '/2', '/a': '/1' } },
  ])
    assert.equal(likenessOf(container('a', { links: { '/a': '/1', '/b': '/2' }, ...same }), DECISIONS), before);
  for (const other of [
    { namespace: 'other' },
    { labels: { app: 'web' } },
    { id: 'profiled' },
    { isHost: true } as const,
    { policyOverride: { mode: 'audited', setBy: '' } as const },
    { visibility: ['file'] as const },
    { links: { '/a': '/1' } },
    { laterLinks: { '/a': '/1' } },
    { sharedPrograms: ['/bin/busybox'] },
    { foldedPlaces: [{ place: '/a', isFat: true }] },
  ])
    assert.notEqual(
      likenessOf(container('a', { links: { '/a': '/1', '/b': '/2' }, ...other }), DECISIONS),
      before,
      JSON.stringify(other),
    );
});
