import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { type DesiredState, NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import { Enforcement } from '../../../src/control/enforcement.js';
import { hostAsSubject } from '../../../src/control/host.js';
import { HostSubject } from '../../../src/control/host-subject.js';
import type { Policy } from '../../../src/policy/model.js';
import { PolicySet } from '../../../src/policy/policy-set.js';
import { MemoryKernel, POSTURES } from '../../support/in-memory-control-plane.js';
import { makePolicy, makeRule } from '../policy/support.js';

const HOST = hostAsSubject({ pidNamespace: 3, mountNamespace: 4 }, {}, {});
const HOST_POLICY = makePolicy({ name: 'for-host', namespace: '', scope: 'host', matchLabels: {} });

function container(id: string, inode: number): Container {
  const namespaces = { pidNamespace: inode, mountNamespace: inode + 1 };
  return { id, name: id, namespace: 'default', labels: { app: 'web' }, origin: 'docker', namespaces, links: {} };
}

const desired = (policies: readonly Policy[], ...containers: Container[]): DesiredState => ({
  ...NOTHING_DESIRED,
  policies: PolicySet.empty.with(policies),
  containers: new Map(containers.map((each) => [each.id, each])),
});

/** A kernel with what an earlier daemon has left in it. */
function start(host?: Container, kernel = new MemoryKernel()) {
  const left = kernel.createImage({ words: new Uint32Array(1), rules: [] } as never, 7);
  for (const key of ['10:11', '90:91', '95:96']) kernel.published.set(key, left);
  const subject = new HostSubject(host);
  const enforcement = new Enforcement(kernel, { postures: POSTURES }, new Map(), 39, subject);
  const adopt = async (state: DesiredState, isWhole: boolean, isKept?: (key: string) => boolean) => {
    enforcement.decideBy(state);
    const adopted = await enforcement.adopt(await enforcement.prepare(state, () => true), isWhole, isKept);
    await adopted.published;
  };
  return { kernel, enforcement, subject, adopt };
}

test('at the start entries in the kernel for containers that have ended are removed, except those to be kept', async () => {
  const { kernel, enforcement, adopt } = start();
  await adopt(desired([makePolicy()], container('a', 10), container('b', 20)), true, (key) => key === '95:96');
  assert.deepEqual([...kernel.published.keys()].sort(), ['10:11', '20:21', '95:96']);
  assert.equal(kernel.published.get('10:11')?.imageId, 40);
  assert.equal(enforcement.kindOf('a'), enforcement.kindOf('b'));
  assert.equal(enforcement.divergence, undefined);
});

test("a later change does not affect other containers' entries in the kernel", async () => {
  const { kernel, adopt } = start();
  await adopt(desired([makePolicy()], container('a', 10)), false);
  assert.deepEqual([...kernel.published.keys()].sort(), ['10:11', '90:91', '95:96']);
});

test('an image that no container uses any more is released with the change that replaces it', async () => {
  const { kernel, enforcement, adopt } = start();
  const containers = [container('a', 10), container('b', 20)];
  await adopt(desired([makePolicy()], ...containers), false);
  await adopt(desired([makePolicy({ name: 'other' })], ...containers), false);
  assert.deepEqual([...kernel.images.keys()], [7, 41]);
  assert.equal(enforcement.imageCount, 1);
});

test("the host's rules are looked up while a policy reaches it, and not before the kernel has them", async () => {
  const { kernel, adopt } = start(HOST);
  kernel.isHostEnforced = true;
  // An earlier daemon enforced there, which is no longer desired.
  await adopt(desired([]), true);
  assert.equal(kernel.isHostEnforced, false);
  const before: boolean[] = [];
  kernel.beforePublish = async () => void before.push(kernel.isHostEnforced);
  await adopt(desired([HOST_POLICY]), false);
  assert.deepEqual([before, kernel.isHostEnforced, kernel.published.has('3:4')], [[false], true, true]);
  await adopt(desired([HOST_POLICY], container('a', 20)), false);
  assert.equal(kernel.isHostEnforced, true);
  await adopt(desired([], container('a', 20)), false);
  assert.deepEqual([kernel.isHostEnforced, kernel.published.has('3:4')], [false, false]);
});

test('a daemon without policies for the host ends the enforcement of an earlier one there', async () => {
  const { kernel, adopt } = start(undefined);
  kernel.isHostEnforced = true;
  await adopt(desired([HOST_POLICY]), false);
  assert.equal(kernel.isHostEnforced, true);
  await adopt(desired([HOST_POLICY]), true);
  assert.equal(kernel.isHostEnforced, false);
});

test('the desired entries, without those being changed, are reported, and restored in the kernel when removed', async () => {
  const { kernel, enforcement, adopt } = start();
  await adopt(desired([makePolicy()], container('a', 10), container('b', 20)), false);
  const inKernel = () => Array.from(enforcement.published(), ({ id, key }) => [id, key]);
  assert.deepEqual(inKernel(), [
    ['a', '10:11'],
    ['b', '20:21'],
  ]);
  const [{ entry } = assert.fail()] = [...enforcement.published()];
  assert.equal(enforcement.isPublished('a', entry), true);
  assert.equal(enforcement.isPublished('none', entry), false);
  assert.equal(enforcement.isPublished('a', { ...entry, image: { ...entry.image } }), false);
  kernel.published.delete('10:11');
  let goOn: () => void = () => undefined;
  kernel.beforePublish = () => new Promise((resolve) => (goOn = resolve));
  const published = enforcement.publishAgain(['10:11']);
  assert.deepEqual([inKernel(), enforcement.isPublished('a', entry)], [[['b', '20:21']], false]);
  goOn();
  await published;
  assert.equal(kernel.published.get('10:11'), entry.image);
  assert.deepEqual(inKernel().length, 2);
});

test('a publication that the kernel refused is retried, and its image is held until then', async () => {
  const { kernel, enforcement, adopt } = start();
  kernel.failure = new Error('no memory');
  await assert.rejects(adopt(desired([makePolicy()], container('a', 10)), false), { code: 'internal' });
  assert.match(enforcement.divergence ?? '', /no memory/);
  await assert.rejects(enforcement.settled(['10:11']), { code: 'internal' });
  await enforcement.settled(['20:21']);
  kernel.failure = undefined;
  await enforcement.settled(['10:11']);
  assert.deepEqual([kernel.published.get('10:11')?.imageId, enforcement.divergence], [40, undefined]);
  kernel.failure = new Error('again');
  await assert.rejects(enforcement.publishAgain(['10:11']));
  kernel.failure = undefined;
  await enforcement.heal();
  assert.equal(enforcement.divergence, undefined);
});

test('the rule set in force for a container is that of its image, and none for an unknown one', async () => {
  const { enforcement, adopt } = start();
  const state = desired([makePolicy()], container('a', 10));
  await adopt(state, false);
  assert.equal(enforcement.ruleSetInForce('a'), enforcement.kindOf('a')?.ruleSet);
  assert.equal(enforcement.ruleSetInForce('b'), undefined);
  assert.deepEqual([enforcement.imageIdOf('a'), enforcement.imageIdOf('b')], [40, undefined]);
  assert.equal(enforcement.ruleOf(40, 0)?.policy, 'sample');
  assert.equal(enforcement.ruleOf(39, 0), undefined);
});

test('when a rule set cannot be compiled, all images that were compiled for the change are released', async () => {
  const { kernel, enforcement } = start();
  const other = { ...container('b', 20), namespace: 'other' };
  const complex = makeRule({ match: { kind: 'pattern', pattern: `/**a${'?'.repeat(30)}b` } });
  const state = desired(
    [makePolicy(), makePolicy({ namespace: 'other', rules: [complex] })],
    container('a', 10),
    other,
  );
  enforcement.decideBy(state);
  const { createImage } = kernel;
  kernel.createImage = (image, imageId) => {
    if (imageId > 40) throw new Error('no room');
    return createImage.call(kernel, image, imageId);
  };
  const large = desired([makePolicy(), makePolicy({ namespace: 'other' })], container('a', 10), other);
  await assert.rejects(
    enforcement.prepare(large, () => true),
    /no room/,
  );
  kernel.createImage = createImage;
  enforcement.giveUp(await enforcement.prepare(desired([makePolicy()], container('a', 10)), () => true));
  assert.equal(enforcement.imageCount, 0);
});

test('containers that start and end while a change is prepared are included in it', async () => {
  const { kernel, enforcement, adopt } = start();
  const before = desired([], container('a', 10), container('b', 20));
  await adopt(before, false);
  const after = desired([makePolicy()], container('a', 10), container('b', 20));
  const preparation = await enforcement.prepare(after, () => true);
  assert.equal(preparation.isUpToDate, true);
  const claim = await enforcement.claim(container('c', 30));
  assert.equal(enforcement.isCurrent(claim), true);
  await enforcement.adoptContainers([claim], [container('b', 20)]);
  enforcement.giveBack(claim);
  assert.equal(preparation.isUpToDate, false);
  await enforcement.catchUp(preparation);
  assert.deepEqual([...preparation.claims.keys()].sort(), ['a', 'c']);
  const late = await enforcement.claim(container('d', 40));
  await (await enforcement.adopt(preparation, false)).published;
  assert.equal(enforcement.isCurrent(late), false);
  enforcement.giveBack(late);
  const rules = (key: string) => kernel.images.get(kernel.published.get(key)!.imageId)!.rules.length;
  assert.deepEqual([rules('10:11'), rules('30:31'), kernel.published.has('20:21')], [1, 1, false]);
});

test('a container with the same entry in the kernel is not published again, and one with other namespaces is removed from the old ones', async () => {
  const { kernel, enforcement, adopt } = start();
  await adopt(desired([makePolicy()], container('a', 10)), false);
  const published: string[][] = [];
  kernel.beforePublish = async (entries) =>
    void published.push(entries.map(({ container: { pidNamespace } }) => `${pidNamespace}`));
  const change = async (changed: Container) => {
    const claim = await enforcement.claim(changed);
    await enforcement.adoptContainers([claim], []);
    enforcement.giveBack(claim);
  };
  await change({ ...container('a', 10), name: 'renamed' });
  assert.deepEqual(published, []);
  await change({ ...container('a', 10), initStartTicks: 7 });
  assert.deepEqual(published, [['10']]);
  await change(container('a', 50));
  assert.deepEqual([published, kernel.published.has('10:11')], [[['10'], ['50']], false]);
  await change({ ...container('a', 50), labels: {} });
  assert.deepEqual(published.at(-1), ['50']);
});

test('the files that processes hold are reported for an existing container', async () => {
  const { enforcement, adopt } = start();
  await adopt(desired([makePolicy()], container('a', 10)), false);
  assert.equal(enforcement.findingsOf('a'), undefined);
  const found = new Map([['10:11', 'findings']]);
  enforcement.holders = { findings: (key: string) => found.get(key), begin: () => undefined } as never;
  assert.deepEqual([enforcement.findingsOf('a'), enforcement.findingsOf('none')], ['findings', undefined]);
});

test('a change compiles only what it affects, and policies that reach no container yet', async () => {
  const { enforcement, adopt } = start();
  const state = desired([makePolicy()], container('a', 10), container('b', 20));
  await adopt(state, false);
  const more = desired([makePolicy()], container('a', 10), container('b', 20), container('c', 30));
  const preparation = await enforcement.prepare(more, ({ id }) => id === 'b');
  assert.deepEqual([...preparation.claims.keys()], ['b', 'c']);
  const [before] = [enforcement.kindOf('a')];
  await (await enforcement.adopt(preparation, false)).published;
  assert.equal(enforcement.kindOf('a'), before);
});
