import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainRenaming, isRenaming, type Renaming } from '../../../src/control/renaming.js';
import type { Access } from '../../../src/explain/access.js';
import type { Policy, Rule } from '../../../src/policy/model.js';
import { resolveRules } from '../../../src/policy/rule-set.js';
import { POSTURES } from '../../support/in-memory-control-plane.js';
import { bind } from '../policy/support.js';

function renaming(path: string, newPath: string, operation: 'rename' | 'link' = 'rename'): Renaming {
  const object = { kind: 'path', path: Buffer.from(path), newPath: Buffer.from(newPath) } as const;
  return { operation, object, program: Buffer.from('/bin/mv'), ownership: 'owner', terminal: false, arguments: [] };
}

const secret = (rule: Partial<Rule> = {}, policy: Partial<Policy> = {}) =>
  resolveRules([bind({ match: { kind: 'exact', path: '/srv/a/secret' }, ...rule }, policy)], POSTURES);

async function explained(ruleSet: ReturnType<typeof secret>, access: Renaming) {
  const { action, wouldBlock, decider } = await explainRenaming(ruleSet, POSTURES, access);
  const by = decider === undefined ? '' : 'policy' in decider ? decider.policy.name : `posture of ${decider.postureOf}`;
  return [action, wouldBlock, by];
}

test('a file cannot be given, or lose, a name that its policy covers', async () => {
  assert.deepEqual(await explained(secret(), renaming('/srv/a/secret', '/srv/x')), ['Block', false, 'sample']);
  assert.deepEqual(await explained(secret(), renaming('/srv/x', '/srv/a/secret')), ['Block', false, 'sample']);
  assert.deepEqual(await explained(secret(), renaming('/srv/x', '/srv/y')), ['Allow', false, '']);
});

test('a file cannot lose a name by which it may be read, written, deleted, changed in its attributes or mapped less than by others', async () => {
  for (const operation of ['read', 'write', 'delete', 'attributes', 'map'] as const) {
    const rules = secret({ operations: [operation] });
    assert.deepEqual(
      await explained(rules, renaming('/srv/a/secret', '/srv/x')),
      ['Block', false, 'sample'],
      operation,
    );
  }
  const creating = secret({ operations: ['create'] });
  assert.deepEqual(await explained(creating, renaming('/srv/a/secret', '/srv/x')), ['Allow', false, '']);
});

test('a directory above a path that a rule names cannot be renamed', async () => {
  assert.deepEqual(await explained(secret(), renaming('/srv/a/', '/srv/b/')), ['Block', false, 'sample']);
  assert.deepEqual(await explained(secret(), renaming('/srv/b/', '/srv/c/')), ['Allow', false, '']);
});

test('a file cannot be linked from a name that a rule refuses to one that no rule refuses', async () => {
  const { action } = await explainRenaming(secret(), POSTURES, renaming('/srv/a/secret', '/srv/y', 'link'));
  assert.equal(action, 'Block');
  assert.deepEqual(await explained(secret(), renaming('/srv/x', '/srv/y', 'link')), ['Allow', false, '']);
});

test('a policy in audit mode reports that it would have refused, and one that only reports does not', async () => {
  const audited = secret({}, { mode: 'audit' });
  assert.deepEqual(await explained(audited, renaming('/srv/a/', '/srv/b/')), ['Audit', true, 'sample']);
  const reported = secret({ action: 'Audit' });
  assert.deepEqual(await explained(reported, renaming('/srv/a/', '/srv/b/')), ['Audit', false, 'sample']);
});

test('only an access with a new path counts as renaming', () => {
  const access: Access = renaming('/a', '/b');
  assert.equal(isRenaming(access), true);
  assert.equal(isRenaming({ ...access, object: { kind: 'path', path: Buffer.from('/a') } }), false);
  assert.equal(isRenaming({ ...access, object: { kind: 'namespace' } }), false);
});
