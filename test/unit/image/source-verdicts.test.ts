import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileImage } from '../../../src/image/compile.js';
import { classifyProgram, type Decision, decide, sourceAt } from '../../../src/image/walk.js';
import { type BoundRule, DEFAULT_NAMESPACE, type Rule } from '../../../src/policy/model.js';
import { resolveRules } from '../../../src/policy/rule-set.js';
import { exact, rule, ruleSet } from './rule-sets.js';

const bytes = (text: string) => Buffer.from(text);
const textOf = ({ action, rule: number }: Decision) => `${action} ${number ?? '-'}`;
const AUDITING = { process: 'audit', file: 'audit', network: 'audit', capabilities: 'audit' } as const;

/** The verdicts on /source, which the rules name. */
function sourceOf(
  rules: readonly Partial<Rule>[],
  ...more: Parameters<typeof ruleSet> extends [unknown, ...infer P] ? P : never
) {
  const made = rules.map((differences, index) => rule(exact(`/${index}`), { sources: ['/source'], ...differences }));
  return sourceAt(compileImage(ruleSet(made, ...more)).words, bytes('/source'));
}

test('tracing a source is refused by the strictest rule that names it', () => {
  const { becoming } = sourceOf([{ action: 'Audit' }, { action: 'Block' }, { action: 'Block' }]);
  // The order of rules puts Block before Audit where nothing else decides.
  assert.match(textOf(becoming), /^Block \d$/);
  assert.equal(textOf(sourceOf([{ action: 'Audit' }]).becoming), 'Audit 0');
  assert.equal(textOf(sourceOf([{ sources: ['/other'] }]).becoming), 'Allow -');
});

test('a rule that allows its source something refuses tracing it if other programs are refused the same', () => {
  assert.equal(textOf(sourceOf([{ action: 'Allow' }]).becoming), 'Block 0');
  assert.equal(textOf(sourceOf([{ action: 'Allow' }], AUDITING).becoming), 'Audit 0');
  const exception = sourceOf([{ action: 'Allow' }, { action: 'Block', sources: [] }], AUDITING);
  assert.equal(textOf(exception.becoming), 'Block 0');
  const otherClass = sourceOf([{ action: 'Allow' }, { action: 'Block', class: 'process', sources: [] }], AUDITING);
  assert.equal(textOf(otherClass.becoming), 'Audit 0');
});

test('a policy in audit mode only reports tracing of its sources', () => {
  const made = [
    rule(exact('/0'), { sources: ['/source'] }),
    rule(exact('/1'), { sources: ['/source'], action: 'Allow' }),
  ];
  const policy: BoundRule['policy'] = {
    name: 'web',
    namespace: DEFAULT_NAMESPACE,
    matchLabels: {},
    mode: 'audit',
    rules: made,
  };
  const set = resolveRules(
    made.map((each) => ({ policy, rule: each })),
    { ...AUDITING, file: 'block' },
  );
  assert.match(textOf(sourceAt(compileImage(set).words, bytes('/source')).becoming), /^Audit \d$/);
});

test('replacing a source is refused like tracing it, except by policies without guards', () => {
  const { becoming, replaced } = sourceOf([{ action: 'Allow' }]);
  assert.deepEqual(replaced, becoming);
  const made = [rule(exact('/0'), { sources: ['/source'] })];
  const policy = { name: 'web', namespace: DEFAULT_NAMESPACE, matchLabels: {}, guards: false, rules: made } as const;
  const set = resolveRules([{ policy, rule: made[0]! }], AUDITING);
  const unguarded = sourceAt(compileImage(set).words, bytes('/source'));
  assert.deepEqual([textOf(unguarded.becoming), textOf(unguarded.replaced)], ['Block 0', 'Allow -']);
});

test('a program without its Allow rules is decided as if these did not name it, and keeps the other rules', () => {
  const { words } = compileImage(
    ruleSet([
      rule(exact('/let'), { sources: ['/both', '/allowed'], action: 'Allow' }),
      rule(exact('/kept'), { sources: ['/both', '/blocked'] }),
    ]),
  );
  const answers = (program: string, withoutAllow: boolean) => {
    const programClass = classifyProgram(words, bytes(program), withoutAllow);
    return ['/let', '/kept'].map((path) => decide(words, bytes(path), { programClass }, 'read', 'owner').action);
  };
  assert.deepEqual(answers('/both', false), ['Allow', 'Block']);
  assert.deepEqual(answers('/both', true), ['Block', 'Block']);
  assert.deepEqual(answers('/blocked', true), answers('/blocked', false));
  assert.equal(classifyProgram(words, bytes('/allowed'), true), 0);
  assert.equal(classifyProgram(words, bytes('/both'), true), classifyProgram(words, bytes('/blocked')));
});

test('a program that an Allow rule and another rule name has a separate class without the Allow rule', () => {
  const { words } = compileImage(
    ruleSet([
      rule(exact('/let'), { sources: ['/source'], action: 'Allow' }),
      rule(exact('/kept'), { sources: ['/source'], action: 'Audit' }),
    ]),
  );
  const programClass = classifyProgram(words, bytes('/source'), true);
  assert.notEqual(programClass, classifyProgram(words, bytes('/source')));
  assert.equal(decide(words, bytes('/kept'), { programClass }, 'read', 'owner').action, 'Audit');
  assert.equal(decide(words, bytes('/let'), { programClass }, 'read', 'owner').action, 'Block');
});

test('when a program acts without its Allow rules, the first of these is reported', () => {
  const { withoutAllow } = sourceOf([{ action: 'Block' }, { action: 'Allow' }]);
  assert.match(textOf(withoutAllow), /^Audit \d$/);
  assert.equal(textOf(sourceOf([{ action: 'Block' }]).withoutAllow), 'Allow -');
});
