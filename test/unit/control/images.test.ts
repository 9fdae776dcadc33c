import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyInSteps, keyOf, type LiveImage, LiveImages } from '../../../src/control/images.js';
import { Failure } from '../../../src/failure.js';
import type { Rule } from '../../../src/policy/model.js';
import { resolveRules } from '../../../src/policy/rule-set.js';
import { finish } from '../../../src/steps.js';
import { MemoryKernel, POSTURES } from '../../support/in-memory-control-plane.js';
import { bind } from '../policy/support.js';

const ruleSet = (...rules: Partial<Rule>[]) =>
  resolveRules(
    rules.map((rule) => bind(rule)),
    POSTURES,
  );
const blocking = (path: string) => ruleSet({ match: { kind: 'exact', path } });
const DESCRIPTION = { policy: 'old' } as never;

function imagesAfter(earlier = new Map<number, never[]>(), last = 39) {
  const kernel = new MemoryKernel();
  return { kernel, images: new LiveImages(kernel, earlier, last) };
}

test('equal rule sets share one image, which is compiled once and released when nothing holds it', async () => {
  const { kernel, images } = imagesAfter();
  const [first, second] = await Promise.all([images.obtain(blocking('/a')), images.obtain(blocking('/a'))]);
  assert.equal(first, second);
  assert.deepEqual([images.count, [...kernel.images.keys()]], [1, [40]]);
  assert.equal(images.has(blocking('/a')), true);
  images.release(first);
  assert.equal(images.count, 1);
  images.hold(first);
  images.release(first);
  images.release(first);
  assert.deepEqual([images.count, kernel.images.size, images.has(blocking('/a'))], [0, 0, false]);
});

test('no image id is used twice, so that an event refers to a single rule', async () => {
  const { images } = imagesAfter();
  const first = await images.obtain(blocking('/a'));
  images.release(first);
  const second = await images.obtain(blocking('/a'));
  assert.deepEqual([first.kernelImage.imageId, second.kernelImage.imageId], [40, 41]);
});

test('images are stored once, and replaced ones are deleted from disk with the next change', async () => {
  const { images } = imagesAfter(new Map([[7, [DESCRIPTION]]]));
  const image = await images.obtain(blocking('/a'));
  const changes = images.changesFor([image, image]);
  assert.deepEqual(changes, { added: [image], retired: [7], lastImage: 40 });
  // It is included in each change until it is stored.
  assert.deepEqual(images.changesFor([image]).added, [image]);
  images.written(changes);
  assert.deepEqual(images.changesFor([image]), { added: [], retired: [], lastImage: 40 });
  images.release(image);
  assert.deepEqual(images.changesFor([]).retired, [40]);
});

test('events of a replaced image can still be explained, those of one that never came into force cannot', async () => {
  const { images } = imagesAfter(new Map([[7, [DESCRIPTION]]]));
  assert.equal(images.ruleOf(7, 0), DESCRIPTION);
  assert.equal(images.ruleOf(7, 1), undefined);
  const written = await images.obtain(blocking('/a'));
  const unwritten = await images.obtain(blocking('/b'));
  const { kernelImage, rules } = written;
  assert.equal(images.ruleOf(kernelImage.imageId, 0), rules[0]);
  images.written(images.changesFor([written]));
  images.release(written);
  images.release(unwritten);
  assert.equal(images.ruleOf(kernelImage.imageId, 0), rules[0]);
  assert.equal(images.ruleOf(unwritten.kernelImage.imageId, 0), undefined);
});

test('the newest 256 replaced images are remembered', async () => {
  const earlier = new Map(Array.from({ length: 256 }, (_, index) => [index + 1, [DESCRIPTION]] as [number, never[]]));
  const { images } = imagesAfter(earlier, 300);
  const image = await images.obtain(blocking('/a'));
  images.written(images.changesFor([image]));
  assert.equal(images.ruleOf(1, 0), DESCRIPTION);
  images.release(image);
  assert.deepEqual([images.ruleOf(1, 0), images.ruleOf(2, 0)], [undefined, DESCRIPTION]);
});

test('system calls are observed for as long as an image in use has to see them', async () => {
  const { images } = imagesAfter();
  const calls = ruleSet({ class: 'syscalls', match: { kind: 'call', calls: ['kill'] } });
  const plain = await images.obtain(blocking('/a'));
  assert.equal(images.observesCalls, false);
  const seeing: LiveImage = await images.obtain(calls);
  assert.deepEqual([images.observesCalls, seeing.observesCalls, plain.observesCalls], [true, true, false]);
  images.release(plain);
  assert.equal(images.observesCalls, true);
  images.release(seeing);
  assert.equal(images.observesCalls, false);
});

test('an image knows whether it decides about files, and which of its rules can decide', async () => {
  const { images } = imagesAfter();
  const files = await images.obtain(blocking('/a'));
  const capability = ruleSet({ class: 'capabilities', match: { kind: 'capability', capability: 'net_raw' } });
  const others = await images.obtain(capability);
  assert.deepEqual([files.decidesFiles, others.decidesFiles], [true, false]);
  for (const path of ['/a', '/not/in/use'])
    assert.equal((await images.decidedRules(blocking(path))).has(0), true, path);
  assert.equal(await images.fits(blocking('/a')), true);
  assert.equal(await images.fits(blocking('/not/in/use')), true);
});

const naming = (domain: string) => ruleSet({ class: 'network', match: { kind: 'domain', domain } });

test('DNS answers are read for as long as an image in use names hosts', async () => {
  const { kernel, images } = imagesAfter();
  const plain = await images.obtain(blocking('/a'));
  assert.deepEqual([images.readsAnswers, plain.readsAnswers, kernel.readsAnswers], [false, false, false]);
  const one = await images.obtain(naming('one.example'));
  const other = await images.obtain(naming('other.example'));
  assert.deepEqual([images.readsAnswers, one.readsAnswers, kernel.readsAnswers], [true, true, true]);
  images.release(one);
  assert.equal(images.readsAnswers, true);
  images.release(other);
  assert.equal(images.readsAnswers, false);
});

test('an image that names hosts is refused where DNS answers cannot be read, and does not count as needing them', async () => {
  const { kernel, images } = imagesAfter();
  const failure = new Error('no such program');
  kernel.readAnswers = async () => {
    throw failure;
  };
  await assert.rejects(images.obtain(naming('one.example')), failure);
  assert.deepEqual([images.readsAnswers, images.count, kernel.images.size], [false, 0, 0]);
  kernel.readAnswers = async () => undefined;
  await images.obtain(naming('one.example'));
  assert.equal(images.readsAnswers, true);
});

test('an image has its id and the rules of its rule set before it is in force', async () => {
  const { kernel, images } = imagesAfter();
  const { createImage } = kernel;
  kernel.createImage = (image, imageId) => createImage.call(kernel, image, imageId);
  const image = await images.obtain(blocking('/a'));
  assert.deepEqual(
    [image.kernelImage.imageId, image.rules.map(({ rule }) => rule), image.ruleSet.rules.length],
    [40, ['file.matchPaths[0]'], 1],
  );
  assert.equal(images.ruleOf(40, 0), image.rules[0]);
  assert.equal(image.decided.has(0), true);
});

test('rule sets share an image only if decisions and reports are the same', () => {
  const one = () => blocking('/a');
  const key = keyOf(one());
  assert.equal(keyOf(one()), key);
  const rule: Partial<Rule> = { match: { kind: 'exact', path: '/a' } };
  const { postures } = one();
  const others = [
    resolveRules([bind(rule, { mode: 'audit' })], POSTURES),
    resolveRules([bind(rule, { name: 'other' })], POSTURES),
    resolveRules([bind(rule, { guards: false })], POSTURES),
    resolveRules([bind(rule, { heldDescriptors: 'leave' })], POSTURES),
    resolveRules([bind({ ...rule, severity: 9 })], POSTURES),
    { ...one(), profiled: true },
    { ...one(), visible: ['file'] },
    { ...one(), postures: { ...postures, read: 'audit' } },
    ruleSet(rule, { match: { kind: 'exact', path: '/b' } }),
  ] as ReturnType<typeof one>[];
  const keys = new Set([key, ...others.map(keyOf)]);
  assert.equal(keys.size, others.length + 1);
  const written = one();
  assert.equal(finish(keyInSteps(written)), key);
  assert.equal(keyOf(written), key);
});

test('a rule set of an image in use is not compiled again as a check', async () => {
  const { kernel, images } = imagesAfter();
  const tooLarge = blocking('/a');
  const compiled: unknown[] = [];
  // biome-ignore lint/correctness/useYield: it fails at once.
  kernel.compile = function* (each) {
    compiled.push(each);
    throw new Failure('resource-exhausted', 'too large');
  };
  // biome-ignore lint/correctness/useYield: it knows at once.
  kernel.fits = function* () {
    return false;
  };
  await assert.rejects(images.tryToCompile(tooLarge), { code: 'resource-exhausted' });
  assert.equal(await images.fits(tooLarge), false);
  images.has = () => true;
  await images.tryToCompile(tooLarge);
  assert.equal(await images.fits(tooLarge), true);
  assert.deepEqual(compiled, [tooLarge]);
});
