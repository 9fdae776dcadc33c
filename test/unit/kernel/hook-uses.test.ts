import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { HOOK_USES } from '../../../src/kernel/hook-uses.js';
import { OWN_CLASS } from '../../../src/kernel/missing-hooks.js';
import { HOOK_TABLE, hookTableText } from '../../support/hook-table.js';

/** Programs that are not at a hook of Linux security modules. */
const NO_HOOKS = [
  ...['hauberk_sys_enter', 'hauberk_mark_tasks', 'hauberk_claim', 'hauberk_find_layer'],
  ...['hauberk_find_descriptors', 'hauberk_find_rings', 'hauberk_find_mappings', 'hauberk_mark_listeners'],
];

test('the uses of each program agree with the table of hooks', () => {
  const ofTable = HOOK_TABLE.map(
    ({ program, class: ruleClass, operation }) => `${program}: ${ruleClass}, ${operation}`,
  );
  const ofDaemon = Object.entries(HOOK_USES)
    .filter(([program]) => !NO_HOOKS.includes(program))
    .flatMap(([program, { decides, keeps = [] }]) =>
      Object.entries({ ...decides, [OWN_CLASS]: keeps }).flatMap(([ruleClass, operations]) =>
        operations.map((operation) => `${program}: ${ruleClass}, ${operation}`),
      ),
    );
  assert.deepEqual(ofDaemon.sort(), [...new Set(ofTable)].sort());
});

test('exactly the programs that track the processes of containers are essential', () => {
  const essential = Object.entries(HOOK_USES).filter(([, use]) => use.essential !== undefined);
  assert.deepEqual(
    essential.map(([program]) => program),
    ['hauberk_bprm_check', 'hauberk_bprm_committed', 'hauberk_task_alloc', 'hauberk_mark_tasks'],
  );
});

test('of each program that hauberkd can start without it is known what is not in force then', () => {
  const unknown = Object.entries(HOOK_USES).filter(
    ([, { decides, keeps = [], essential }]) =>
      essential === undefined && Object.keys(decides).length + keeps.length === 0,
  );
  assert.deepEqual(unknown, []);
});

test('the table of hooks on the page on kernels agrees with that of the tests', () => {
  const [, , table] =
    /(<!-- hooks -->\n)([\s\S]*?)<!-- \/hooks -->/u.exec(readFileSync('docs/kernels.md', 'utf8')) ?? [];
  assert.equal(table, hookTableText(), 'tools/reference-tables writes it again');
});
