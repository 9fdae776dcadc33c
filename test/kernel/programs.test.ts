import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { after, before, test } from 'node:test';
import { hostNamespaces } from '../../src/containers/procfs.js';
import { programInfo } from '../../src/kernel/descriptor-info.js';
import { type AttachedPrograms, attachPrograms } from '../../src/kernel/programs.js';

const OBJECT = 'build/bpf/hauberk.bpf.o';
const PINS = '/sys/fs/bpf/hauberk-programs';
/**
 * The kernel gives up at a million; loading time grows with each. The most that were seen are 47,818 on 6.1
 * (hauberk_path_rename); 7.3 takes several times as many.
 */
const VERIFIED_INSTRUCTIONS_MAX = 200_000;
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
  const calls = programs.calls!;
  assert.equal(calls.link, undefined);
  calls.attach();
  const { verifiedInstructions } = programInfo(calls.link!);
  context.diagnostic(`${calls.name}: ${verifiedInstructions} verified instructions`);
  assert.ok(verifiedInstructions > 0 && verifiedInstructions < VERIFIED_INSTRUCTIONS_MAX);
  // Who comes next finds it attached, and can take it away.
  const next = attachPrograms(OBJECT, PINS, host).calls!;
  assert.notEqual(next.link, undefined);
  next.detach();
  assert.deepEqual([next.link, existsSync(calls.linkPath)], [undefined, false]);
  assert.equal(attachPrograms(OBJECT, PINS, host).calls?.link, undefined);
  calls.detach();
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
