import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { after, before, test } from 'node:test';
import { hostNamespaces } from '../../src/containers/procfs.js';
import { infoOfProgram, programInfo } from '../../src/kernel/descriptor-info.js';
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

test('programs that see every system call, every use of a file or every packet are attached only while asked for', (context) => {
  const { calls, held, answers } = programs;
  for (const [name, program] of [
    ['calls', calls!],
    ['held', held!],
    ['answers', answers!],
  ] as const) {
    assert.equal(program.link, undefined);
    program.attach();
    const { verifiedInstructions } = programInfo(program.link!);
    context.diagnostic(`${program.name}: ${verifiedInstructions} verified instructions`);
    assert.ok(verifiedInstructions > 0 && verifiedInstructions < VERIFIED_INSTRUCTIONS_MAX);
    // Who comes next finds it attached, and can take it away.
    const next = attachPrograms(OBJECT, PINS, host)[name]!;
    assert.notEqual(next.link, undefined);
    next.detach();
    assert.deepEqual([next.link, existsSync(program.linkPath)], [undefined, false]);
    assert.equal(attachPrograms(OBJECT, PINS, host)[name]?.link, undefined);
    program.detach();
  }
});

test('every program that searches processes is verified within its bound', (context) => {
  assert.equal(programs.searches.length, 3);
  for (const [index, program] of programs.searches.entries()) {
    const { verifiedInstructions: verified } = infoOfProgram(program);
    context.diagnostic(`search ${index}: ${verified} verified instructions`);
    assert.ok(verified > 0 && verified < VERIFIED_INSTRUCTIONS_MAX);
  }
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
