import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Enforcement } from '../../../src/control/enforcement.js';
import { Findings } from '../../../src/control/findings.js';
import { withHolders } from '../../../src/control/holders.js';
import type { PolicyChange } from '../../../src/control/policy-plan.js';
import type { RuleDescription } from '../../../src/events/rule-description.js';
import type { RuleClass } from '../../../src/policy/model.js';
import { HELD_FILE } from '../../support/memory-holdings.js';
import { bind } from '../policy/support.js';

const POLICY = { ...bind({}).policy, name: 'one', namespace: 'shop' };
const BY_POLICY = { policy: 'one', policyNamespace: 'shop' } as RuleDescription;
const BY_OTHER = { policy: 'two', policyNamespace: 'shop' } as RuleDescription;
const BY_POSTURE = { policy: 'DefaultPosture', policyNamespace: '' } as RuleDescription;

function findingsOf(...by: readonly (RuleDescription | undefined)[]): Findings {
  const findings = new Findings();
  for (const [index, each] of by.entries())
    findings.add({ ...HELD_FILE, hostPid: index + 1, file: BigInt(index + 1), by: each });
  return findings;
}

async function heldIn(
  found: Readonly<Record<string, Findings>>,
  of: RuleClass = 'file',
  more: Partial<PolicyChange> = {},
) {
  const change: PolicyChange = {
    policy: { ...POLICY, rules: [bind({ class: of }).rule] },
    kind: 'created',
    resourceVersion: 1,
    previousVersion: 0,
    containerIds: ['none', ...Object.keys(found)],
    warnings: [],
    conflicts: [],
    ...more,
  };
  const enforcement = { findingsOf: (id: string) => found[id], holders: undefined } as unknown as Enforcement;
  const [reported] = await withHolders([change], enforcement);
  return reported!.held;
}

test('holders of files that the policy or a posture refuses are named, but not of those that another policy refuses', async () => {
  const held = await heldIn({ c1: findingsOf(BY_POLICY, BY_OTHER, BY_POSTURE, undefined) });
  assert.deepEqual(
    held?.named.map(({ containerId, pid }) => [containerId, pid]),
    [
      ['c1', 1],
      ['c1', 3],
      ['c1', 4],
    ],
  );
  const ofThatName = { ...BY_POSTURE, policyNamespace: 'shop' };
  assert.deepEqual((await heldIn({ c1: findingsOf(ofThatName) }))?.named, [], 'a policy may have that name');
});

test('fifty holders are named in all, and the others are counted', async () => {
  const twentyFive = () => findingsOf(...Array.from({ length: 25 }, () => BY_POLICY));
  const held = await heldIn({ c1: twentyFive(), c2: twentyFive(), c3: twentyFive() });
  assert.deepEqual([held?.named.length, held?.omitted, held?.named.at(-1)?.containerId], [50, 25, 'c3']);
});

test('only rules on files and programs refuse held files, and only changed policies are searched for', async () => {
  const found = { c1: findingsOf(BY_POLICY) };
  assert.equal((await heldIn(found, 'process'))?.named.length, 1);
  assert.deepEqual(await heldIn(found, 'network'), { named: [], omitted: 0 });
  assert.equal((await heldIn(found, 'file', { kind: 'updated' }))?.named.length, 1);
  for (const kind of ['unchanged', 'deleted'] as const) assert.equal(await heldIn(found, 'file', { kind }), undefined);
});
