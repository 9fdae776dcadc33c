import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileImage } from '../../../src/image/compile.js';
import { guard } from '../../../src/image/walk.js';
import { followLinks } from '../../../src/policy/links.js';
import type { Policy, Rule } from '../../../src/policy/model.js';
import { resolveRules } from '../../../src/policy/rule-set.js';
import { directory, exact, pattern, rule, ruleSet } from './rule-sets.js';

/** The decision on renaming a directory, and the index of the deciding rule. */
function answer(rules: readonly Rule[], from: string, to: string): string {
  const image = compileImage(ruleSet(rules));
  const decision = guard(image.words, Buffer.from(from), Buffer.from(to));
  const decider = decision.rule === undefined ? undefined : image.rules[decision.rule]!;
  const by = decider === undefined ? '' : 'rule' in decider ? ` by ${decider.rule.id}` : ' by the posture';
  return `${decision.action}${by}`;
}

const SECRET = rule(exact('/srv/vault/guard/secret'));

test('the directories above a path that a rule names keep their names, in both directions, and no others', () => {
  for (const above of ['/srv/vault/', '/srv/vault/guard/', '/srv/']) {
    assert.equal(answer([SECRET], above, '/srv/drawer/'), 'Block by rules[0]', above);
    assert.equal(answer([SECRET], '/srv/drawer/', above), 'Block by rules[0]', above);
  }
  assert.equal(answer([SECRET], '/srv/drawer/', '/srv/cupboard/'), 'Allow');
  assert.equal(answer([rule(exact('/etc/shadow'))], '/etc/ssl/', '/etc/tls/'), 'Allow');
  assert.equal(answer([rule(exact('/etc/shadow'))], '/etc/', '/old/'), 'Block by rules[0]');
});

test('a pattern for files anywhere guards no directory but one that it matches itself', () => {
  const keys = [rule(pattern('/**/*.pem'))];
  assert.equal(answer(keys, '/srv/a/', '/home/b/c/'), 'Allow');
  assert.equal(answer(keys, '/srv/a.pem/', '/srv/a/'), 'Block by rules[0]');
});

test('a directory may be renamed within the scope of one rule, and between rules with equal decisions', () => {
  const all = [rule(directory('/srv/', true)), rule(directory('/var/lib/', true))];
  assert.equal(answer(all, '/srv/a/', '/srv/b/c/'), 'Allow');
  assert.equal(answer(all, '/srv/a/', '/var/lib/a/'), 'Allow');
  assert.equal(answer(all, '/srv/a/', '/tmp/a/'), 'Block by rules[0]');
  assert.equal(answer(all, '/tmp/a/', '/var/lib/a/'), 'Block by rules[1]');
});

test('the decision is the strictest action that would change, not the strictest action there', () => {
  const both = (place: string) => [rule(exact(`${place}/secret`)), rule(exact(`${place}/log`), { action: 'Audit' })];
  assert.equal(answer([...both('/a'), rule(exact('/b/secret'))], '/a/', '/b/'), 'Audit by rules[1]');
  assert.equal(answer(both('/a'), '/a/', '/b/'), 'Block by rules[0]');
});

test('a rule that only reports a mount guards what a later one would refuse, and otherwise nothing', () => {
  const mounts = { class: 'mounts' } as const;
  const target = pattern('/{*,}/*');
  const reported = rule({} as never, { ...mounts, action: 'Audit', match: { kind: 'mount', target } });
  const refused = rule({} as never, { ...mounts, action: 'Block', match: { kind: 'mount' } });
  assert.equal(answer([reported, refused], '/a/', '/'), 'Block by rules[0]');
  assert.equal(answer([reported], '/a/', '/'), 'Audit by rules[0]');
});

test('an allow-list guards against renames out of it, by what it refuses elsewhere', () => {
  const allowed = [rule(directory('/srv/', true), { action: 'Allow' })];
  assert.equal(answer(allowed, '/srv/a/', '/srv/b/'), 'Allow');
  assert.equal(answer(allowed, '/tmp/a/', '/tmp/b/'), 'Allow');
  assert.equal(answer(allowed, '/srv/a/', '/tmp/a/'), 'Block by the posture');
});

test('a rule that allows reading guards the contents that its readers get', () => {
  assert.equal(
    answer([rule(directory('/etc/app/', true), { readOnly: true })], '/tmp/x/', '/etc/app/'),
    'Block by rules[0]',
  );
});

test('the directories above a program that is a source are guarded', () => {
  const bySource = rule(exact('/data'), { action: 'Allow', sources: ['/opt/tool/bin/reader'] });
  assert.match(answer([rule(exact('/data')), bySource], '/opt/tool/', '/opt/old/'), /^Block by rules/);
});

test('rules on mounts, ptrace and shared memory guard the paths that they name', () => {
  const mount = rule({} as never, { class: 'mounts', match: { kind: 'mount', target: directory('/mnt/safe/', true) } });
  const trace = rule({} as never, { class: 'ptrace', match: { kind: 'trace', target: exact('/usr/bin/agent') } });
  const memory = rule({} as never, { class: 'presets', match: { kind: 'preset', preset: 'filelessExec' } });
  assert.equal(answer([mount], '/mnt/safe/', '/mnt/x/'), 'Block by rules[0]');
  assert.equal(answer([trace], '/usr/bin/', '/usr/old/'), 'Block by rules[0]');
  assert.equal(answer([memory], '/dev/shm/a/', '/tmp/a/'), 'Block by rules[0]');
  const except = [directory('/v/plugins/', true)];
  const drift = rule({} as never, { class: 'presets', match: { kind: 'preset', preset: 'drift', except } });
  assert.equal(answer([drift], '/v/x/', '/v/plugins/x/'), 'Block by rules[0]');
  assert.equal(answer([mount, trace, memory, drift], '/a/', '/b/'), 'Allow');
});

test('links that a rule was followed through keep their places, also those that only other links lead to', () => {
  const links = {
    '/bin': '/usr/bin',
    '/usr/bin/python': '/etc/alternatives/python',
    '/etc/alternatives/python': '/opt/python',
  };
  const actionWith = (made: Partial<Rule>, place: string) => {
    const one = rule(exact('/bin/python'), made);
    const policy: Policy = { name: 'linked', namespace: 'default', matchLabels: {}, rules: [one] };
    const { words } = compileImage(resolveRules(followLinks([{ policy, rule: one }], links), POSTURES));
    // What the kernel compares where a link is made: a name of the same length that no rule names.
    const unnamed = place.replace(/[^/]+$/u, (name) => '\u0001'.repeat(name.length));
    return guard(words, Buffer.from(`${place}/`), Buffer.from(`${unnamed}/`)).action;
  };
  for (const link of Object.keys(links)) {
    assert.equal(actionWith({}, link), 'Block', link);
    assert.equal(actionWith({ class: 'process' }, link), 'Block', link);
    assert.equal(actionWith({ action: 'Audit' }, link), 'Audit', link);
  }
  for (const other of ['/usr/bin/perl', '/etc/alternatives/perl']) assert.equal(actionWith({}, other), 'Allow', other);
  assert.equal(actionWith({ action: 'Allow' }, '/etc/alternatives/python'), 'Allow');
});

test('a policy with guards off compiles, whatever its rules would guard', () => {
  const target = exact('/srv/door');
  const links = { '/srv/door': '/srv/doors/door', '/srv/doors/door': '/srv/first/door' };
  for (const made of [
    rule(target),
    rule({ kind: 'mount', target } as never, { class: 'mounts' }),
    rule({ kind: 'trace', target } as never, { class: 'ptrace' }),
  ]) {
    const policy: Policy = { name: 'off', namespace: 'default', matchLabels: {}, guards: false, rules: [made] };
    const { words } = compileImage(resolveRules(followLinks([{ policy, rule: made }], links), POSTURES));
    for (const place of ['/srv/', '/srv/doors/', '/srv/door/', '/srv/doors/door/'])
      assert.equal(guard(words, Buffer.from(place), Buffer.from('/unnamed/')).action, 'Allow', place);
  }
});

const POSTURES = { process: 'audit', file: 'block', network: 'audit', capabilities: 'audit' } as const;

/** The decision on renaming `/srv/vault/` to `/srv/drawer/` with SECRET as the rule of a policy with these settings. */
function actionUnder(settings: Partial<Policy>): string {
  const policy: Policy = { name: 'secret', namespace: 'default', matchLabels: {}, rules: [SECRET], ...settings };
  const { words } = compileImage(resolveRules([{ policy, rule: SECRET }], POSTURES));
  return guard(words, Buffer.from('/srv/vault/'), Buffer.from('/srv/drawer/')).action;
}

test('a policy with guards off does not prevent renaming directories', () => {
  assert.equal(actionUnder({ guards: false }), 'Allow');
});

test('a policy in audit mode reports what it would refuse', () => {
  assert.equal(actionUnder({ mode: 'audit' }), 'Audit');
});

test('the reported rule is the one whose decisions change, not one that decides the same everywhere', () => {
  const rules = [rule(pattern('/**/*.pem')), rule(directory('/srv/rows/', true), { operations: ['write'] })];
  assert.equal(answer(rules, '/srv/rows/', '/srv/old/'), 'Block by rules[1]');
  assert.equal(answer(rules, '/srv/old/', '/srv/rows/'), 'Block by rules[1]');
});
