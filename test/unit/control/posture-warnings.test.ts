import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { NOTHING_DESIRED } from '../../../src/control/desired-state.js';
import type { PolicyChange } from '../../../src/control/policy-plan.js';
import { withPostureWarnings } from '../../../src/control/posture-warnings.js';
import type { Action, Policy, Postures, RuleClass } from '../../../src/policy/model.js';
import { bind } from '../policy/support.js';

const AUDIT: Postures = { process: 'audit', file: 'audit', network: 'audit', capabilities: 'audit' };
const HOST = { namespace: '' } as Container;

function change(
  rules: readonly (readonly [class_: RuleClass, action: Action])[],
  policy: Partial<Policy> = {},
  more: Partial<PolicyChange> = {},
): PolicyChange {
  return {
    policy: {
      ...bind({}).policy,
      namespace: 'shop',
      rules: rules.map(([ruleClass, action]) => bind({ class: ruleClass, action }).rule),
      ...policy,
    },
    kind: 'created',
    resourceVersion: 1,
    previousVersion: 0,
    containerIds: [],
    warnings: ['first'],
    conflicts: [],
    ...more,
  };
}

async function warningsOf(
  planned: PolicyChange,
  {
    postures = AUDIT,
    host,
    namespaces = [],
    filePostureForProcesses = false,
  }: { postures?: Postures; host?: Container; namespaces?: string[]; filePostureForProcesses?: boolean } = {},
): Promise<readonly string[]> {
  const containers = new Map(namespaces.map((namespace, index) => [`c${index}`, { namespace } as Container]));
  const [warned] = await withPostureWarnings(
    [planned],
    { ...NOTHING_DESIRED, containers },
    { host, settings: { postures, filePostureForProcesses } },
  );
  assert.equal(warned!.warnings[0], 'first');
  return warned!.warnings.slice(1);
}

test('an Allow rule under posture audit gets a warning that nothing is refused, by class and namespace', async () => {
  const [warning, ...others] = await warningsOf(
    change([
      ['file', 'Allow'],
      ['process', 'Allow'],
      ['network', 'Block'],
    ]),
  );
  assert.match(warning!, /shop/);
  assert.match(warning!, /process/);
  assert.match(warning!, /file/);
  assert.doesNotMatch(warning!, /network/);
  assert.deepEqual(others, []);
  const [onlyFile] = await warningsOf(
    change([
      ['file', 'Allow'],
      ['process', 'Allow'],
    ]),
    {
      postures: { ...AUDIT, process: 'block' },
    },
  );
  assert.doesNotMatch(onlyFile!, /process/);
});

test('there is no warning for policies that allow nothing, only report or are deleted, or under posture block', async () => {
  assert.deepEqual(await warningsOf(change([['file', 'Block']])), []);
  assert.deepEqual(await warningsOf(change([['file', 'Allow']], { mode: 'audit' })), []);
  assert.deepEqual(await warningsOf(change([['file', 'Allow']], {}, { kind: 'deleted' })), []);
  assert.deepEqual(await warningsOf(change([['file', 'Allow']]), { postures: { ...AUDIT, file: 'block' } }), []);
});

test('with one posture for files and programs the warning names that of files for both', async () => {
  const allowsPrograms = change([['process', 'Allow']], { namespace: 'shop' });
  const [warning] = await warningsOf(allowsPrograms, { filePostureForProcesses: true });
  assert.match(warning!, /file/);
  assert.doesNotMatch(warning!, /process/);
  const [own] = await warningsOf(allowsPrograms);
  assert.doesNotMatch(own!, /file/);
});

test('for the host the warning names the flag, and there is none where policies for the host are off', async () => {
  const forHost = change([['file', 'Allow']], { scope: 'host', namespace: '' });
  assert.deepEqual(await warningsOf(forHost), []);
  const [warning] = await warningsOf(forHost, { host: HOST });
  assert.match(warning!, /--default-posture-file block/);
});

test('a cluster policy gets a warning for each namespace that it reaches, five of them by name', async () => {
  const namespaces = ['g', 'a', 'b', 'a', 'c', 'd', 'e', 'f'];
  const ids = namespaces.map((_, index) => `c${index}`);
  const ofCluster = (containerIds: readonly string[]) =>
    change([['file', 'Allow']], { scope: 'cluster', namespace: '' }, { containerIds });
  const warnings = await warningsOf(ofCluster([...ids, 'gone']), { namespaces });
  assert.equal(warnings.length, 6);
  for (const [index, name] of ['a', 'b', 'c', 'd', 'e'].entries())
    assert.match(warnings[index]!, new RegExp(`\\b${name}\\b`, 'u'));
  assert.match(warnings[5]!, /^in 2 more namespaces/);
  assert.equal((await warningsOf(ofCluster(ids.slice(1, 6)), { namespaces })).length, 4);
  assert.equal((await warningsOf(ofCluster(ids.slice(1, 7)), { namespaces })).length, 5);
});
