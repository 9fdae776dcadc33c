import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { after, before, test } from 'node:test';
import { CONTAINERS_MAX } from '../../src/containers/container.js';
import { hostNamespaces } from '../../src/containers/procfs.js';
import { compileImage } from '../../src/image/compile.js';
import { programInfo } from '../../src/kernel/descriptor-info.js';
import { ContainerMap, createKernelImage, releaseKernelImage } from '../../src/kernel/images.js';
import { type AttachedPrograms, attachPrograms } from '../../src/kernel/programs.js';

const OBJECT = 'build/bpf/hauberk.bpf.o';
const PINS = '/sys/fs/bpf/hauberk-programs';
/** The kernel gives up at a million; loading time grows with each. */
const VERIFIED_INSTRUCTIONS_MAX = 100_000;
const host = hostNamespaces();
let programs: AttachedPrograms;

before(() => {
  programs = attachPrograms(OBJECT, PINS, host);
});
after(() => {
  programs.detach();
  assert.equal(existsSync(PINS), false);
});

test('every program is verified within its bound', (context) => {
  for (const [name, link] of programs.links) {
    const { verifiedInstructions } = programInfo(link);
    context.diagnostic(`${name}: ${verifiedInstructions} verified instructions`);
    assert.ok(verifiedInstructions > 0 && verifiedInstructions < VERIFIED_INSTRUCTIONS_MAX, name);
  }
});

test('the program that sees every system call is attached only while asked for', (context) => {
  const { calls } = programs;
  assert.equal(calls.link, undefined);
  calls.attach();
  const { verifiedInstructions } = programInfo(calls.link!);
  context.diagnostic(`${calls.name}: ${verifiedInstructions} verified instructions`);
  assert.ok(verifiedInstructions > 0 && verifiedInstructions < VERIFIED_INSTRUCTIONS_MAX);
  // Who comes next finds it attached, and can take it away.
  const next = attachPrograms(OBJECT, PINS, host).calls;
  assert.notEqual(next.link, undefined);
  next.detach();
  assert.deepEqual([next.link, existsSync(calls.linkPath)], [undefined, false]);
  assert.equal(attachPrograms(OBJECT, PINS, host).calls.link, undefined);
  calls.detach();
});

test('the kernel has room for as many containers as may be registered, and for the host', async () => {
  const map = new ContainerMap(programs.maps.containers, programs.maps.container_starts);
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

test('the second to attach the same programs adopts the first ones', () => {
  assert.equal(programs.adopted, false);
  const second = attachPrograms(OBJECT, PINS, host);
  assert.equal(second.adopted, true);
  assert.deepEqual([...second.links.keys()], [...programs.links.keys()]);
});

test('file_truncate is attached where the kernel has it', () => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  assert.equal(programs.links.has('hauberk_file_truncate'), major > 6 || (major === 6 && minor >= 2));
});
