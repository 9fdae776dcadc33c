import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Match, Policy, Rule } from '../../../src/policy/model.js';
import type { Records } from '../../../src/store/seal.js';
import { readRecords, recordsOf } from '../../../src/store/stored-form.js';
import type { StoreChanges } from '../../../src/store/stored-state.js';
import { policies } from '../policy/arbitrary.js';
import { bind } from '../policy/support.js';

const whole = (records: Records) => new Map([...records].flatMap(([key, text]) => (text ? [[key, text]] : [])));
const readBack = async (changes: StoreChanges) => readRecords(whole(await recordsOf(changes)) as Map<string, string>);
const bound = bind({ class: 'file', match: { kind: 'exact', path: '/a' } });
const stored = (rule: object, policy: object = {}) => ({
  putPolicies: [
    { policy: { ...bound.policy, ...policy, rules: [{ ...bound.rule, ...rule } as Rule] } as Policy, version: 1 },
  ],
});

test('every policy is read back unchanged from its record', async () => {
  await fc.assert(
    fc.asyncProperty(policies, async (policy) => {
      const { state, unknown } = await readBack({ putPolicies: [{ policy, version: 3 }] });
      assert.deepEqual([state.policies, unknown], [[{ policy, version: 3 }], []]);
    }),
    { numRuns: 100 },
  );
});

const target = { kind: 'directory', directory: '/a/', recursive: true } as const;
const MATCHES: { readonly [Kind in Match['kind']]: Extract<Match, { kind: Kind }> } = {
  exact: { kind: 'exact', path: '/a' },
  directory: target,
  pattern: { kind: 'pattern', pattern: '/a/*' },
  name: { kind: 'name', name: 'sh' },
  protocol: { kind: 'protocol', protocol: 'all' },
  family: { kind: 'family', family: 'unix' },
  endpoint: { kind: 'endpoint', protocol: 'tcp', cidr: '10.0.0.0/8', ports: '80', direction: 'egress' },
  domain: { kind: 'domain', domain: '*.example.com' },
  capability: { kind: 'capability', capability: 'net_raw' },
  filesystem: { kind: 'filesystem', type: 'tmpfs' },
  mount: { kind: 'mount', target, type: 'tmpfs', operation: 'unmount' },
  trace: { kind: 'trace', target, operation: 'attach' },
  namespace: { kind: 'namespace', namespace: 'user' },
  preset: { kind: 'preset', preset: 'exec' },
  call: { kind: 'call', calls: ['unlink'], target },
};

for (const [kind, match] of Object.entries(MATCHES)) {
  test(`a rule with a match of kind ${kind} is read back, and refused if a part has another form`, async () => {
    const { state, unknown } = await readBack(stored({ match }));
    assert.deepEqual([state.policies[0]?.policy.rules[0]?.match, unknown], [match, []]);
    for (const part of Object.keys(match)) {
      const other = await readBack(stored({ match: { ...match, [part]: 7 } }));
      assert.deepEqual([other.state.policies, other.unknown], [[], ['policy/default/sample']], part);
    }
  });
}

test('an unknown value is reported by the key of its record', async () => {
  for (const changes of [
    stored({ class: 'dreams' }),
    stored({ match: { kind: 'dream' } }),
    stored({ match: { kind: 'preset', preset: 'dream' } }),
    stored({ action: 'Ask' }),
    stored({ operations: ['dream'] }),
    stored({ sources: undefined }),
    stored({}, { mode: 'dream' }),
    stored({}, { matchExpressions: [{ key: 'label', operator: 'Like', values: [] }] }),
  ])
    assert.deepEqual((await readBack(changes)).unknown, ['policy/default/sample'], JSON.stringify(changes));
  assert.equal((await readBack(stored({}, { origin: 'dream' }))).unknown.length, 1);
  const posture = { namespace: 'n', postures: { dreams: 'block' } } as object as {
    namespace: string;
    postures: object;
  };
  assert.deepEqual((await readBack({ putPostures: [posture] })).unknown, ['posture/n']);
});
