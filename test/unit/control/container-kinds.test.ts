import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { type Decisions, type Kind, Kinds, KindUses, likenessOf } from '../../../src/control/container-kinds.js';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { PolicySet } from '../../../src/policy/policy-set.js';
import { makePolicy } from '../policy/support.js';

function container(id: string, changes: Partial<Container> = {}): Container {
  const namespaces = { pidNamespace: 10, mountNamespace: 11 };
  return { id, name: id, namespace: 'default', labels: {}, origin: 'docker', namespaces, links: {}, ...changes };
}

const kindOf = (likeness: string) => ({ likeness }) as Kind;

/** Uses of kinds, with the likeness of those that were dropped. */
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

/** Kinds, and which containers were looked at to make one. */
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

test('a kind is worked out once for containers that are alike, also when they ask at once', async () => {
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

test('what cannot be worked out is tried again by the next one', async () => {
  let failure: Error | undefined = new Error('too large');
  const { kinds, made } = kindsOf(async () => {
    if (failure !== undefined) throw failure;
  });
  await assert.rejects(kinds.claim(container('a')), failure);
  failure = undefined;
  await kinds.claim(container('a'));
  assert.deepEqual(made, ['a', 'a']);
});

test('a kind that is the same under other policies is taken over, unless there is one already', async () => {
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

test('of the kinds that nobody holds sixteen are kept, and the one that was left first goes first', () => {
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

test('a kind is kept for as long as one of those that took it holds it', () => {
  const { uses, dropped, use } = usesOf(() => false);
  const kind = use(kindOf('a'));
  uses.hold(kind);
  uses.release(kind);
  uses.dropIdle();
  assert.deepEqual(dropped, []);
  uses.release(kind);
  assert.deepEqual(dropped, ['a'], 'one that does harm is not kept idle');
});

const DECISIONS: Decisions = {
  ...NOTHING_DESIRED,
  policies: PolicySet.empty.with([makePolicy({ matchLabels: { app: 'web' } })]),
  profiles: new Map([['p', { name: 'p', subject: { kind: 'container', id: 'profiled' }, started: 1 }]]),
};

test('containers are alike whose rules are the same, whatever they are called and what no rule asks about', () => {
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
