import assert from 'node:assert/strict';
import { release } from 'node:os';
import { after, before, test } from 'node:test';
import { hostNamespaces } from '../../src/containers/procfs.js';
import { KernelTypes } from '../../src/kernel/kernel-types.js';
import { type AttachedPrograms, attachPrograms } from '../../src/kernel/programs.js';
import { isTested } from '../../src/kernel/tested.js';
import { RULE_CLASSES } from '../../src/policy/model.js';
import { HOOK_TABLE } from '../support/hook-table.js';

let programs: AttachedPrograms;

before(() => {
  programs = attachPrograms('build/bpf/hauberk.bpf.o', '/sys/fs/bpf/hauberk-hooks', hostNamespaces());
});
after(() => programs.detach());

/** Whether this kernel is as new as that one. */
function isAtLeast(version: string): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = version.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

for (const { class: ruleClass, operation, hook, program, since } of HOOK_TABLE) {
  test(`${ruleClass}, ${operation}: ${program} is attached at ${hook} on kernels from ${since} on`, () => {
    const isThere = KernelTypes.use((types) => types.hasFunction(`bpf_lsm_${hook}`));
    if (isAtLeast(since)) assert.ok(isThere, 'the table is wrong, or this kernel leaves the hook out');
    if (isAtLeast(since))
      assert.ok(programs.links.has(program) || programs.onDemand.some(({ name }) => name === program));
    else assert.ok(isThere || !programs.links.has(program));
  });
}

test('every attached program stands in the table', () => {
  const named = new Set(HOOK_TABLE.map(({ program }) => program));
  assert.deepEqual(
    [...programs.links.keys()].filter((name) => !named.has(name)),
    [],
  );
});

test('no hook is missing on a kernel of a series that is said to be tested', () => {
  if (isTested(release())) assert.deepEqual(programs.missing, []);
});

test('every class but the one that no hook decides has a hook', () => {
  const classes = new Set(HOOK_TABLE.map((row) => row.class));
  assert.deepEqual(
    RULE_CLASSES.filter((each) => !classes.has(each)),
    ['syscalls'],
  );
});
