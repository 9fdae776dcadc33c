import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import { compileImage } from '../../../src/image/compile.js';
import {
  decidesFlag,
  FLAG_HAS_ARGUMENTS,
  FLAG_HAS_GUARDS,
  FLAG_HAS_LIBRARIES,
  FLAG_HAS_PARENTS,
  FLAG_HAS_SOURCES,
  HEADER,
  STATE_ABSORBING,
  STATE_BASE_MASK,
} from '../../../src/image/layout.js';
import type { Limits } from '../../../src/image/limits.js';
import { allowsLibrary, classifyProgram, decide, matchPath } from '../../../src/image/walk.js';
import { readManifest } from '../../../src/policy/manifest.js';
import type { PathMatch, Rule } from '../../../src/policy/model.js';
import type { RuleSet } from '../../../src/policy/rule-set.js';
import { options } from '../policy/support.js';
import { directory, exact, pattern, rule, ruleSet } from './rule-sets.js';

const path = (text: string) => Buffer.from(text);

function failureOf(set: RuleSet, limits: Partial<Limits> = {}): Failure {
  try {
    compileImage(set, limits);
  } catch (error) {
    assert(error instanceof Failure);
    return error;
  }
  assert.fail('the rule set was compiled');
}

test('without rules there is no state, and everything is allowed', () => {
  const image = compileImage({ rules: [], postures: {} });
  assert.equal(image.states, 0);
  assert.equal(matchPath(image.words, path('/a')), 0);
  assert.deepEqual(decide(image.words, path('/a'), { programClass: 0 }, 'write', 'other'), {
    action: 'Allow',
    rule: undefined,
  });
});

test('the header says what an image decides', () => {
  const flagsOf = (set: RuleSet) => compileImage(set).words[HEADER.decisions * 2];
  assert.equal(flagsOf(ruleSet([])), 0);
  assert.equal(flagsOf(ruleSet([rule(exact('/a'))])), decidesFlag('file') | FLAG_HAS_GUARDS);
  assert.equal(flagsOf(ruleSet([rule(pattern('/**/*.pem'))])), decidesFlag('file') | FLAG_HAS_GUARDS);
  assert.equal(
    flagsOf(ruleSet([rule(exact('/a'), { class: 'process', sources: ['/b'] })])),
    decidesFlag('process') | FLAG_HAS_SOURCES | FLAG_HAS_PARENTS | FLAG_HAS_GUARDS,
  );
  assert.equal(
    flagsOf(ruleSet([rule(exact('/a'), { sources: ['/b'] })])),
    decidesFlag('file') | FLAG_HAS_SOURCES | FLAG_HAS_GUARDS,
  );
});

test('the rules of an image are those of the set and then the postures in force', () => {
  const set = ruleSet([rule(exact('/a'), { action: 'Allow' }), rule(exact('/b'))]);
  const image = compileImage(set);
  assert.deepEqual(image.rules, [...set.rules, { posture: 'block', class: 'file', mode: 'enforce' }]);
  assert.deepEqual(decide(image.words, path('/c'), { programClass: 0 }, 'read', 'owner'), { action: 'Block', rule: 2 });
});

test('`pts: false` decides for processes with a terminal only, `pts: true` as a plain rule does', () => {
  const decisions = (pts: string) => {
    const header = '{apiVersion: security.kubearmor.com/v1, kind: KubeArmorPolicy, metadata: {name: a}';
    const rules = `process: {matchPaths: [{path: /bin/sleep${pts}}]}, action: Block`;
    const [read] = readManifest(`${header}, spec: {selector: {matchLabels: {}}, ${rules}}}`, options);
    const { words } = compileImage(ruleSet(read!.policy.rules));
    return [false, true].map(
      (terminal) => decide(words, path('/bin/sleep'), { programClass: 0, terminal }, 'execute', 'owner').action,
    );
  };
  assert.deepEqual(decisions(''), ['Block', 'Block']);
  assert.deepEqual(decisions(', pts: true'), ['Block', 'Block']);
  assert.deepEqual(decisions(', pts: false'), ['Allow', 'Block']);
});

test('a rule on the name of a program has an object key of its own, and its arguments are checked', () => {
  const called = { kind: 'name', name: 'nc', of: '/bin/busybox' } as const;
  const { words } = compileImage(ruleSet([rule(exact('/bin/nc'), { class: 'process', match: called })]));
  assert.ok(words[HEADER.decisions * 2]! & FLAG_HAS_ARGUMENTS);
  const answers = ['bnc/bin/busybox', 'bsh/bin/busybox', '/bin/busybox', '/bin/nc', 'bnc/bin/busybox/'].map(
    (word) => decide(words, path(word), { programClass: 0 }, 'execute', 'owner').action,
  );
  assert.deepEqual(answers, ['Block', 'Allow', 'Allow', 'Allow', 'Allow']);
});

test('programs are classified by their path and not by that of a directory', () => {
  const { words } = compileImage(ruleSet([rule(exact('/secret'), { sources: ['/bin/a', '/bin/b'] })]));
  const programs = ['/bin/a', '/bin/b', '/bin/c', '/bin/a/', '/secret'];
  assert.deepEqual(
    programs.map((program) => classifyProgram(words, path(program))),
    [1, 1, 0, 0, 0],
  );
  const actions = [1, 0].map(
    (programClass) => decide(words, path('/secret'), { programClass }, 'read', 'owner').action,
  );
  assert.deepEqual(actions, ['Block', 'Allow']);
});

test('a program is classified even below a directory whose decision is final', () => {
  const { words } = compileImage(
    ruleSet([rule(directory('/bin/', true)), rule(exact('/x'), { sources: ['/bin/a'], action: 'Audit' })]),
  );
  assert.equal(classifyProgram(words, path('/bin/a')), 1);
  assert.equal(decide(words, path('/bin/a'), { programClass: 0 }, 'read', 'owner').action, 'Block');
});

test('the rest of a path below a recursive directory is not read', () => {
  const { words } = compileImage(ruleSet([rule(directory('/etc/', true)), rule(exact('/etc/passwd'))]));
  const state = matchPath(words, path('/etc/nginx/nginx.conf'));
  assert((state & STATE_ABSORBING) !== 0);
  assert.notEqual(words[(state & STATE_BASE_MASK) * 2], state & STATE_BASE_MASK, 'needs no default');
});

test('equal suffixes are stored once', () => {
  const one = compileImage(ruleSet([rule(pattern('/a/some-long-name'))]));
  const two = compileImage(ruleSet([rule(pattern('/{a,b}/some-long-name'))]));
  assert.equal(two.states, one.states);
});

test('an image leaves few entries empty', () => {
  const rules = Array.from({ length: 900 }, (_, index) => rule(exact(`/usr/lib/${(index * 7919) % 1000}/module.so`)));
  const { words } = compileImage(ruleSet([...rules, rule(pattern('/etc/?')), rule(pattern('/var/?/[!a]'))]));
  const used = Array.from({ length: words.length / 2 }, (_, entry) => words[entry * 2] !== 0).filter(Boolean).length;
  assert(words.length / 2 < used * 1.2, `${words.length / 2} entries, ${used} of them used`);
});

test('patterns with any directory name below any directory do not multiply states', () => {
  const rules = Array.from({ length: 60 }, (_, index) => rule(pattern(`/**/name${index}/**`)));
  assert(compileImage(ruleSet(rules)).states < 4000);
});

test('a malformed pattern is named', () => {
  const failure = failureOf(ruleSet([rule(pattern('/[a'))]));
  assert.equal(failure.code, 'invalid-argument');
  assert.equal(
    failure.message,
    'policy default/web, rules[0]: the pattern `/[a` has a `[` that no `]` closes (at character 2)',
  );
});

test('a pattern that is too large alone is named', () => {
  const monster = '/**a??????????????b';
  const failure = failureOf(ruleSet([rule(exact('/x')), rule(pattern('/*.conf')), rule(pattern(monster))]));
  const description = 'is too complex: its automaton alone takes more than 20000000 steps';
  assert.equal(failure.code, 'resource-exhausted');
  assert.equal(failure.message, `policy default/web, rules[2]: the pattern \`${monster}\` ${description}`);
  assert.deepEqual(failure.problems, [{ field: 'rules[2]', description }]);
});

test('patterns that are too large only together are counted', () => {
  const names = Array.from({ length: 30 }, (_, index) => rule(pattern(`/*x${index}*y${index}`)));
  const failure = failureOf(ruleSet([...names, rule(exact('/x'))]));
  assert.equal(failure.code, 'resource-exhausted');
  assert.equal(
    failure.message,
    '31 rules, 30 of them patterns, are together too complex: their automaton takes more than 20000000 steps',
  );
  assert.deepEqual(failure.problems, []);
});

const SMALL_LIMITS: ReadonlyArray<readonly [Partial<Limits>, RegExp]> = [
  [{ states: 10 }, /more than 10 states$/],
  [{ transitions: 10 }, /more than 10 transitions$/],
  [{ work: 10 }, /more than 10 steps$/],
];

for (const [limits, message] of SMALL_LIMITS) {
  test(`a set that exceeds ${JSON.stringify(limits)} is refused`, () => {
    const failure = failureOf(ruleSet([rule(exact('/a/path/of/some/length'))]), limits);
    assert.equal(failure.code, 'resource-exhausted');
    assert.match(failure.message, message);
  });
}

test('states that minimization will merge are counted too', () => {
  const set = ruleSet([rule(pattern('/{axxxxx,bxxxxx,cxxxxx,dxxxxx,exxxxx}'))]);
  assert.equal(compileImage(set).states, 9);
  assert.match(failureOf(set, { states: 20 }).message, /more than 20 states$/);
});

test('the states that a short pattern expands to are counted', () => {
  const set = ruleSet([rule(pattern(`/**a${'[ab]'.repeat(7)}`))]);
  assert.match(failureOf(set, { states: 50 }).message, /more than 50 states$/);
});

test('many rules that match at many states count as work', () => {
  const rules = Array.from({ length: 1000 }, () => rule(pattern('/**')));
  const set = ruleSet([...rules, rule(exact(`/${'x'.repeat(300)}`))]);
  assert.match(failureOf(set, { work: 100_000 }).message, /more than 100000 steps$/);
});

/** Patterns that each take most of this work alone, with twenty wildcards. */
const WORK = 40_000;
const HEAVY = Array.from({ length: 5 }, (_, index) => rule(pattern(`/m${index}${'?'.repeat(20)}`)));

test('the search for the pattern to name starts with those with the most wildcards', () => {
  const monster = `/**a${'[ab]'.repeat(30)}`;
  const failure = failureOf(ruleSet([...HEAVY, rule(pattern(monster))]), { work: WORK });
  assert.match(failure.message, /rules\[5\].* alone takes more than 40000 steps$/);
});

test('the search for the pattern to name ends when it has done twice the work of an image', () => {
  const monster = `/**a${'[ab]'.repeat(12)}`;
  assert.match(failureOf(ruleSet([rule(pattern(monster))]), { work: WORK }).message, /alone/);
  const failure = failureOf(ruleSet([...HEAVY, rule(pattern(monster))]), { work: WORK });
  assert.match(failure.message, /^6 rules, 6 of them patterns, are together too complex/);
});

test('a program keeps its Allow rules with a library if every policy with such a rule names that library', () => {
  const allow = { action: 'Allow', sources: ['/bin/a'] } as const;
  const policyOf = (name: string, rules: readonly Rule[], loaderLibraries?: readonly PathMatch[]) => {
    const policy = { name, namespace: 'default', matchLabels: {}, rules, ...(loaderLibraries && { loaderLibraries }) };
    return rules.map((each) => ({ policy, rule: each }));
  };
  const libraries = [exact('/opt/lib.so'), directory('/opt/agent/', true)];
  const [agent, other] = ['/opt/agent/x/lib.so', '/opt/other.so'];
  const one = policyOf('one', [rule(exact('/x'), allow), rule(exact('/y'), { sources: ['/bin/b'] })], libraries);
  const { words } = compileImage({ rules: one, postures: {} });
  const allowedBy = (image: Uint32Array, library: string, program: string) =>
    allowsLibrary(image, path(library), classifyProgram(image, path(program)));
  assert.deepEqual(
    ['/opt/lib.so', agent, other].map((library) => allowedBy(words, library, '/bin/a')),
    [true, true, false],
  );
  assert.equal(words[HEADER.decisions * 2]! & FLAG_HAS_LIBRARIES, FLAG_HAS_LIBRARIES);
  const named = [exact('/opt/lib.so')];
  for (const [also, expected] of [
    [policyOf('two', [rule(exact('/z'), allow)]), [false, false]],
    [policyOf('two', [rule(exact('/z'), allow)], named), [true, false]],
    [policyOf('two', [rule(exact('/z'), { sources: ['/bin/a'] })]), [true, true]],
  ] as const) {
    const both = compileImage({ rules: [...one, ...also], postures: {} }).words;
    assert.deepEqual(
      ['/opt/lib.so', agent].map((library) => allowedBy(both, library, '/bin/a')),
      expected,
    );
    assert.equal(allowedBy(both, agent, '/bin/b'), true);
  }
});
