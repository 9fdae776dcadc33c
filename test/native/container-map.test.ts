import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CONTAINERS_MAX } from '../../src/containers/container.js';
import { compileImage } from '../../src/image/compile.js';
import { ContainerMap, createKernelImage, releaseKernelImage } from '../../src/kernel/images.js';
import { PINNED_MAPS } from '../../src/kernel/map-pins.js';
import { checked } from '../../src/native/kernel-error.js';
import {
  checkedPointer,
  closeObject,
  findMap,
  loadObject,
  mapDescriptor,
  nextProgram,
  openObject,
  setAutoload,
  setPinPath,
} from '../../src/native/object-functions.js';

/** The maps of the enforcement without its programs, which this machine's kernel may not be able to load. */
const object = checkedPointer('cannot open the programs', openObject('build/bpf/hauberk.bpf.o', null));
after(() => closeObject(object));

function loadedMap(name: string): number {
  return checked(name, mapDescriptor(checkedPointer(name, findMap(object, name))));
}

function loadMaps(): ContainerMap {
  for (let program = nextProgram(object, null); program !== null; program = nextProgram(object, program))
    checked('cannot leave a program out', setAutoload(program, false));
  for (const name of PINNED_MAPS) checked(name, setPinPath(checkedPointer(name, findMap(object, name)), null));
  checked('cannot load the maps', loadObject(object));
  return new ContainerMap(loadedMap('containers'), loadedMap('container_starts'), loadedMap('container_roots'));
}

const map = loadMaps();
const image = createKernelImage(compileImage({ rules: [], postures: {} }), 1);
after(() => releaseKernelImage(image));
const namespacesOf = (number: number) => ({ pidNamespace: number + 1, mountNamespace: number + 1 });
const entryOf = (number: number) => ({ container: namespacesOf(number), initStartTicks: number + 1, image });
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

test('each new container is reported as visible once, and before the update is complete', async () => {
  const seen: number[] = [];
  await map.publish(upTo(2).map(entryOf), ({ pidNamespace }) => seen.push(pidNamespace));
  // Some are in the map already.
  await map.publish(upTo(100).map(entryOf), ({ pidNamespace }) => {
    assert.equal(map.startTicksOf({ pidNamespace, mountNamespace: pidNamespace }), pidNamespace);
    seen.push(pidNamespace);
  });
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    [1, 2, ...upTo(100).map((number) => number + 1)].sort((a, b) => a - b),
  );
});

test('a new container is reported as visible before the kernel has waited for a grace period', async () => {
  const aheadBy: number[] = [];
  for (const number of upTo(20)) {
    let visible = 0;
    await map.publish([entryOf(1000 + number)], () => {
      visible = performance.now();
    });
    aheadBy.push(performance.now() - visible);
  }
  // The length of a grace period depends on the kernel, but it is not always shorter than this.
  assert.ok(Math.max(...aheadBy) > 2, `ahead by ${aheadBy.map((each) => each.toFixed(1)).join(', ')} ms`);
});

test('the newest image of a container can be read by its id', async () => {
  assert.equal(map.newestImage(), 1);
  const newer = createKernelImage(compileImage({ rules: [], postures: {} }), 4711);
  await map.publish([{ container: namespacesOf(3000), image: newer }]);
  releaseKernelImage(newer);
  assert.equal(map.newestImage(), 4711);
  await map.remove([namespacesOf(3000)]);
  assert.equal(map.newestImage(), 1);
});

test('several containers can be removed together, even if some are not in the map', async () => {
  const kept = namespacesOf(7);
  const absent = [namespacesOf(5000), namespacesOf(5001)];
  const present = map.keys().filter(({ pidNamespace }) => pidNamespace !== kept.pidNamespace);
  await map.remove([absent[0]!, ...present, absent[1]!]);
  assert.deepEqual(map.keys(), [kept]);
  assert.equal(map.startTicksOf(present[0]!), 0);
  assert.equal(map.startTicksOf(kept), kept.pidNamespace);
  await map.remove([kept]);
  await map.remove([kept]);
});

test('the map has room for exactly as many containers as may be registered, and the host', async () => {
  await map.publish(upTo(CONTAINERS_MAX + 1).map(entryOf));
  assert.equal(map.keys().length, CONTAINERS_MAX + 1);
  await assert.rejects(map.publish([entryOf(CONTAINERS_MAX + 1)]), /E2BIG/);
});
