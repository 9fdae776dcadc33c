import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { CONTAINERS_MAX } from '../../src/containers/container.js';
import { compileImage } from '../../src/image/compile.js';
import { ContainerMap, createKernelImage, releaseKernelImage } from '../../src/kernel/images.js';
import {
  checked,
  checkedPointer,
  closeObject,
  findMap,
  loadObject,
  mapDescriptor,
  nextProgram,
  openObject,
  setAutoload,
  setPinPath,
} from '../../src/kernel/libbpf.js';
import { PINNED_MAPS } from '../../src/kernel/programs.js';

/** The maps of the enforcement, without its programs, which this machine's kernel need not be able to load. */
const object = checkedPointer('cannot open the programs', openObject('build/bpf/hauberk.bpf.o', null));
after(() => closeObject(object));

function loadedMap(name: string): number {
  return checked(name, mapDescriptor(checkedPointer(name, findMap(object, name))));
}

test('the kernel takes as many containers as may be registered, and the host, and not one more', async () => {
  for (let program = nextProgram(object, null); program !== null; program = nextProgram(object, program))
    checked('cannot leave a program out', setAutoload(program, false));
  for (const name of PINNED_MAPS) checked(name, setPinPath(checkedPointer(name, findMap(object, name)), null));
  checked('cannot load the maps', loadObject(object));
  const map = new ContainerMap(loadedMap('containers'), loadedMap('container_starts'));
  const image = createKernelImage(compileImage({ rules: [], postures: {} }), 1);
  const entryOf = (number: number) => ({
    container: { pidNamespace: number + 1, mountNamespace: number + 1 },
    initStartTicks: number + 1,
    image,
  });
  await map.publish(Array.from({ length: CONTAINERS_MAX + 1 }, (_, index) => entryOf(index)));
  assert.equal(map.keys().length, CONTAINERS_MAX + 1);
  await assert.rejects(map.publish([entryOf(CONTAINERS_MAX + 1)]), /E2BIG/);
  releaseKernelImage(image);
});
