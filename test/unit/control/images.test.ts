import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LiveImage, LiveImages } from '../../../src/control/images.js';
import type { Rule } from '../../../src/policy/model.js';
import { resolveRules } from '../../../src/policy/rule-set.js';
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

test('equal rule sets share one image, compiled once, and it is let go when nobody holds it any more', async () => {
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

test('no number of an image is used twice, so that an event names one rule only', async () => {
  const { images } = imagesAfter();
  const first = await images.obtain(blocking('/a'));
  images.release(first);
  const second = await images.obtain(blocking('/a'));
  assert.deepEqual([first.kernelImage.imageId, second.kernelImage.imageId], [40, 41]);
});

test('what has to be written of images is written once, and what was replaced is forgotten on disk with the next change', async () => {
  const { images } = imagesAfter(new Map([[7, [DESCRIPTION]]]));
  const image = await images.obtain(blocking('/a'));
  const changes = images.changesFor([image, image]);
  assert.deepEqual(changes, { added: [image], retired: [7], lastImage: 40 });
  // Until it is written down it is to be written again.
  assert.deepEqual(images.changesFor([image]).added, [image]);
  images.written(changes);
  assert.deepEqual(images.changesFor([image]), { added: [], retired: [], lastImage: 40 });
  images.release(image);
  assert.deepEqual(images.changesFor([]).retired, [40]);
});

test('events of a replaced image are still explained; those of one that never came into force are not', async () => {
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

test('of images that were replaced 256 are remembered, the newest', async () => {
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

test('an image reports whether it decides of files, and which of its rules decide anything', async () => {
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
