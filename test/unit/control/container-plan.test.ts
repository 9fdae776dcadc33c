import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { asAllKnown, existing, planContainers } from '../../../src/control/container-plan.js';
import { ContainerDraft, KnownContainers } from '../../../src/control/known-containers.js';
import type { Failure } from '../../../src/failure.js';
import { finish } from '../../../src/steps.js';

const PROCESS = { pid: 7, startTicks: 70 };

function container(id: string, changes: Partial<Container> = {}): Container {
  return {
    id,
    name: id,
    namespace: 'n',
    labels: { app: 'web', tier: 'front' },
    origin: 'docker',
    namespaces: { pidNamespace: 10, mountNamespace: 11 },
    links: { '/bin': '/usr/bin', '/lib': '/usr/lib' },
    ...changes,
  };
}

/** The result when a known container is reported again. */
function again(known: Container, reported: Container) {
  const draft = new ContainerDraft(new KnownContainers([known]));
  const [change, ...others] = finish(planContainers(draft, [reported], []));
  assert.deepEqual(others, []);
  assert.equal(draft.get(known.id), change!.container);
  return change!;
}

test('a container is unchanged while its properties are the same, in any order', () => {
  const known = container('a', { process: PROCESS, initStartTicks: 5, root: { device: 4 }, image: 'web:1' });
  const reported = {
    ...known,
    labels: { tier: 'front', app: 'web' },
    links: { '/lib': '/usr/lib', '/bin': '/usr/bin' },
  };
  const { kind, container: kept } = again(known, reported);
  assert.equal(kind, 'unchanged');
  assert.equal(kept, known);
});

const OTHERS: readonly Partial<Container>[] = [
  { name: 'other' },
  { namespace: 'other' },
  { labels: { app: 'web' } },
  { labels: { app: 'web', tier: 'back' } },
  { origin: 'cri' },
  { namespaces: { pidNamespace: 10, mountNamespace: 12 } },
  { process: { ...PROCESS, pid: 8 } },
  { process: { ...PROCESS, startTicks: 71 } },
  { initStartTicks: 6 },
  { links: { '/bin': '/usr/bin', '/lib': '/usr/lib', '/sbin': '/usr/sbin' } },
  { sharedPrograms: ['/bin/busybox'] },
  { foldedPlaces: [{ place: '/data', isFat: false }] },
  { image: 'web:2' },
  { policyOverride: { mode: 'audited', setBy: 'x' } },
  { visibility: ['file'] },
];

for (const other of OTHERS) {
  test(`a container is changed by other ${Object.keys(other)[0]}: ${JSON.stringify(Object.values(other)[0])}`, () => {
    const known = container('a', { process: PROCESS, initStartTicks: 5 });
    const { kind, container: changed } = again(known, { ...known, ...other });
    assert.equal(kind, 'changed');
    const [name] = Object.keys(other) as [keyof Container];
    if (name !== 'links') assert.deepEqual(changed[name], other[name]);
  });
}

test('links that are found later are kept apart from the first ones, which stay', () => {
  const known = container('a', { process: PROCESS, links: { '/a': '/1', '/b': '/2' } });
  const { container: later } = again(known, { ...known, links: { '/a': '/other', '/b': '/2', '/c': '/3' } });
  assert.deepEqual([later.links, later.laterLinks], [known.links, { '/a': '/other', '/c': '/3' }]);
  const { container: last } = again(later, { ...known, links: { '/a': '/1', '/d': '/4' } });
  assert.deepEqual([last.links, last.laterLinks], [known.links, { '/c': '/3', '/d': '/4' }]);
  const { kind, container: same } = again(known, known);
  assert.deepEqual([kind, 'laterLinks' in same], ['unchanged', false]);
});

test('the first links are found with the first process, where a container was known by its namespaces alone', () => {
  const known = container('a', { links: {} });
  const { container: found } = again(known, { ...known, process: PROCESS, links: { '/a': '/1' } });
  assert.deepEqual([found.links, found.laterLinks], [{ '/a': '/1' }, undefined]);
});

test('programs with several names, and directories that fold case, are added to the known ones', () => {
  const known = container('a', {
    process: PROCESS,
    sharedPrograms: ['/bin/busybox'],
    foldedPlaces: [{ place: '/m', isFat: false }],
  });
  const { container: changed } = again(known, {
    ...known,
    sharedPrograms: ['/bin/awk', '/bin/busybox'],
    foldedPlaces: [
      { place: '/z', isFat: true },
      { place: '/a', isFat: false },
    ],
  });
  assert.deepEqual(changed.sharedPrograms, ['/bin/awk', '/bin/busybox']);
  assert.deepEqual(
    changed.foldedPlaces?.map(({ place }) => place),
    ['/a', '/m', '/z'],
  );
});

test('a root that was determined stays, and one that could not be is determined later', () => {
  const known = container('a', { process: PROCESS, root: { device: 4 } });
  for (const root of [{ device: 5 }, { problem: 'no overlay' }]) {
    const { kind, container: changed } = again(known, { ...known, name: 'renamed', root });
    assert.deepEqual([kind, changed.root], ['changed', { device: 4 }]);
  }
  const blind = container('a', { process: PROCESS, root: { problem: 'no overlay' } });
  assert.deepEqual(again(blind, { ...blind, root: { device: 5 } }).container.root, { device: 5 });
  const untold = container('a', { process: PROCESS });
  assert.deepEqual(again(untold, { ...untold, root: { device: 5 } }).container.root, { device: 5 });
});

test('nothing is kept from an earlier run of the container', () => {
  const known = container('a', {
    process: PROCESS,
    initStartTicks: 5,
    isFirstProcess: true,
    root: { device: 4 },
    protection: { by: 'hook', since: 1 },
    sharedPrograms: ['/bin/busybox'],
  });
  for (const other of [{ initStartTicks: 6 }, { namespaces: { pidNamespace: 20, mountNamespace: 21 } }]) {
    const reported = container('a', { process: PROCESS, initStartTicks: 5, links: { '/x': '/y' }, ...other });
    const { kind, container: changed } = again(known, reported);
    assert.deepEqual([kind, changed], ['changed', reported]);
  }
  // Without a known start time it counts as the same run.
  const { initStartTicks: _, ...unknown } = known;
  assert.equal(again(known, { ...unknown, name: 'renamed' }).container.protection?.by, 'hook');
  assert.equal(again(unknown, { ...known, name: 'renamed' }).container.protection?.by, 'hook');
});

test('how a container came under its policies is kept, and whether its process is the first only while that process is the same', () => {
  const protection = { by: 'hook', since: 1 } as const;
  const known = container('a', { process: PROCESS, isFirstProcess: true, protection });
  const { isFirstProcess: _, ...reported } = {
    ...known,
    name: 'renamed',
    protection: { by: 'event', since: 2 } as const,
  };
  const { container: same } = again(known, reported);
  assert.deepEqual([same.protection, same.isFirstProcess], [protection, true]);
  for (const process of [
    { ...PROCESS, pid: 8 },
    { ...PROCESS, startTicks: 71 },
  ])
    assert.equal(again(known, { ...reported, process }).container.isFirstProcess, undefined);
  const { protection: __, ...unprotected } = known;
  assert.equal(again(unprotected, reported).container.protection?.by, 'event');
});

test('the results for many containers are in their order', () => {
  const known = container('b', { process: PROCESS, links: { '/a': '/1' }, root: { device: 4 } });
  const reported = [
    container('a', { links: { '/a': '/2' } }),
    { ...known, links: { '/a': '/2' }, root: { device: 5 } },
  ];
  const [fresh, described] = finish(asAllKnown(reported, [undefined, known]));
  assert.equal(fresh, reported[0]);
  assert.deepEqual(
    [described!.links, described!.laterLinks, described!.root],
    [{ '/a': '/1' }, { '/a': '/2' }, { device: 4 }],
  );
});

test('only a container that has ended is replaced by one with its namespaces', () => {
  const holder = container('old', { initStartTicks: 5 });
  const plan = (wanted: readonly Container[], unwanted: readonly Container[] = []) =>
    finish(planContainers(new ContainerDraft(new KnownContainers([holder])), wanted, unwanted)).map(
      (change) => `${change.container.id} ${change.kind}`,
    );
  const next = container('new', { initStartTicks: 6 });
  assert.deepEqual(plan([next]), ['old removed', 'new added']);
  assert.deepEqual(plan([container('new')], [holder]), ['old removed', 'new added']);
  for (const twin of [container('new', { initStartTicks: 5 }), container('new')])
    assert.throws(
      () => plan([twin]),
      ({ code, message }: Failure) => {
        assert.equal(code, 'invalid-argument');
        assert.match(message, /namespaces: containers old and new cannot both have these namespaces/);
        return true;
      },
    );
  assert.throws(() => plan([container('new', { origin: 'cri' })]), {
    code: 'already-exists',
    message: 'container old (docker) has the namespaces of new',
  });
  assert.throws(() => plan([next, { ...next, id: 'twin' }]), { code: 'invalid-argument' });
});

test('looking up an unknown container fails with not-found', () => {
  const known = new KnownContainers([container('a')]);
  assert.equal(existing('a', known).id, 'a');
  assert.throws(() => existing('b', known), { code: 'not-found', message: 'no container b' });
});
