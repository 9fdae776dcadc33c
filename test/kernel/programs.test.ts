import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { release } from 'node:os';
import { before, test } from 'node:test';
import { hostNamespaces } from '../../src/containers/procfs.js';
import { infoOfProgram, programInfo } from '../../src/kernel/descriptor-info.js';
import { type AttachedPrograms, attachPrograms } from '../../src/kernel/programs.js';
import { isTested } from '../../src/kernel/tested-kernels.js';
import { KernelTypes } from '../../src/native/kernel-types.js';
import { RULE_CLASSES } from '../../src/policy/model.js';
import { HOOK_TABLE } from '../support/hook-table.js';
import { PIN_DIRECTORY } from '../support/kept-programs.js';

const OBJECT = 'build/bpf/hauberk.bpf.o';
/**
 * The kernel's limit is a million, and loading time grows with the number. The highest so far are 39,772 on 6.1 and 38,965 on 6.12,
 * both of hauberk_path_link; newer kernels follow more states of the same program.
 */
const VERIFIED_INSTRUCTIONS_MAX = isAtLeast('7.0') ? 200_000 : 40_000;
const host = hostNamespaces();
let programs: AttachedPrograms;

before(() => {
  // The programs stay for later tests: loading them takes an emulated machine longer than all tests of this file.
  programs = attachPrograms(OBJECT, PIN_DIRECTORY, host);
});

/** Whether this kernel has at least this version. */
function isAtLeast(version: string): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = version.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

test('every program stays below the limit of verified instructions', (context) => {
  for (const [name, link] of programs.links) {
    const { verifiedInstructions } = programInfo(link);
    context.diagnostic(`${name}: ${verifiedInstructions} verified instructions`);
    assert.ok(verifiedInstructions > 0 && verifiedInstructions < VERIFIED_INSTRUCTIONS_MAX, name);
  }
});

test('programs that see every system call, every use of a file or every packet are only attached while needed', (context) => {
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
    // The next daemon finds it attached, and can detach it.
    const next = attachPrograms(OBJECT, PIN_DIRECTORY, host)[name]!;
    assert.notEqual(next.link, undefined);
    next.detach();
    assert.deepEqual([next.link, existsSync(program.linkPath)], [undefined, false]);
    assert.equal(attachPrograms(OBJECT, PIN_DIRECTORY, host)[name]?.link, undefined);
    program.detach();
  }
});

test('every program that searches processes stays below the limit of verified instructions', (context) => {
  assert.equal(programs.searches.length, 3);
  for (const [index, program] of programs.searches.entries()) {
    const { verifiedInstructions: verified } = infoOfProgram(program);
    context.diagnostic(`search ${index}: ${verified} verified instructions`);
    assert.ok(verified > 0 && verified < VERIFIED_INSTRUCTIONS_MAX);
  }
});

test('attaching the same programs again adopts the first ones', () => {
  assert.equal(programs.adopted, false);
  const second = attachPrograms(OBJECT, PIN_DIRECTORY, host);
  assert.equal(second.adopted, true);
  assert.deepEqual([...second.links.keys()], [...programs.links.keys()]);
});

test('file_truncate is attached where the kernel has it', () => {
  assert.equal(programs.links.has('hauberk_file_truncate'), isAtLeast('6.2'));
});

for (const { class: ruleClass, operation, hook, program, since } of HOOK_TABLE) {
  test(`${ruleClass}, ${operation}: ${program} is attached at ${hook} on kernels from ${since} on`, () => {
    const isThere = KernelTypes.use((types) => types.hasFunction(`bpf_lsm_${hook}`));
    if (isAtLeast(since)) assert.ok(isThere, 'the table is wrong, or this kernel leaves the hook out');
    if (isAtLeast(since))
      assert.ok(programs.links.has(program) || programs.onDemand.some(({ name }) => name === program));
    else assert.ok(isThere || !programs.links.has(program));
  });
}

test('the table contains every attached program', () => {
  const named = new Set(HOOK_TABLE.map(({ program }) => program));
  assert.deepEqual(
    [...programs.links.keys()].filter((name) => !named.has(name)),
    [],
  );
});

test('on a kernel of a series that is documented as tested no hook is missing', () => {
  if (isTested(release())) assert.deepEqual(programs.missing, []);
});

test('every class but the one that no hook decides has a hook', () => {
  const classes = new Set(HOOK_TABLE.map((row) => row.class));
  assert.deepEqual(
    RULE_CLASSES.filter((each) => !classes.has(each)),
    ['syscalls'],
  );
});
