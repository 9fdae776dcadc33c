import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import { operationsOn, subjectOfOperation, VERDICT_ACTIONS, VERDICT_MARK } from '../../src/image/layout.js';
import type { Decision } from '../../src/image/walk.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { assertAgreement, type Decider } from '../property/agreement.js';
import { randomDecisions } from '../property/random-decisions.js';
import { decisionRuns } from '../property/runs.js';
import { BpfMatcher } from '../support/bpf-matcher.js';
import { objectKey } from '../support/object-key.js';
import { makeRule } from '../unit/policy/support.js';

const ACCESSES = 100;
/** Each access of several operations is also decided for each alone, and compiling takes most of the time. */
const DECISIONS_OF_SEVERAL = 20 * ACCESSES;
const matcher = new BpfMatcher();
after(() => matcher.close());

const fileRule = (path: string) => makeRule({ match: { kind: 'exact', path } });

const inTheKernel: Decider = {
  decide: ({ operation, object, program, parent, ownership, terminal }) =>
    matcher.decide(
      objectKey(object),
      {
        programClass: matcher.classifyProgram(program),
        ...(parent !== undefined && operation === 'execute' && { parentClass: matcher.classifyProgram(parent) }),
        terminal,
      },
      operation,
      ownership,
    ),
  allowsArguments: (rule, given) => given.every((argument) => matcher.allowsArgument(rule, argument)),
};

test('the matcher in the kernel decides every access like an evaluation of the rules one by one', () => {
  fc.assert(
    fc.property(randomDecisions(ACCESSES), (decisions) => {
      const image = compileImage(resolveRules(decisions.bound, decisions.postures));
      matcher.use(image);
      assertAgreement(decisions, image, inTheKernel);
    }),
    decisionRuns(ACCESSES),
  );
});

test('for an access of several operations the strictest decision counts, and of equal ones the first', () => {
  const operations = operationsOn('path');
  fc.assert(
    fc.property(randomDecisions(ACCESSES), (decisions) => {
      matcher.use(compileImage(resolveRules(decisions.bound, decisions.postures)));
      for (const [index, { object, program, ownership, operation, terminal }] of decisions.accesses.entries()) {
        if (subjectOfOperation(operation) !== 'path') continue;
        const actor = { programClass: matcher.classifyProgram(program), terminal };
        const key = objectKey(object);
        // Another choice for each access, by the bits of a number that never repeats.
        const wanted = operations.filter((_, entry) => ((index * 37 + 5) >> entry) & 1);
        const answers = wanted.map((each) => matcher.decide(key, actor, each, ownership));
        const strength = ({ action }: Decision) => VERDICT_ACTIONS.indexOf(action);
        const strongest = answers.reduce((best, each) => (strength(each) > strength(best) ? each : best));
        assert.deepEqual(matcher.decideAll(key, actor, wanted, ownership), strongest);
      }
    }),
    decisionRuns(DECISIONS_OF_SEVERAL),
  );
});

test('with a damaged verdict an access is refused, by no rule', () => {
  const rule = fileRule('/etc/shadow');
  const policy = { name: 'damaged', namespace: 'default', matchLabels: {}, rules: [rule] };
  const image = compileImage({ rules: [{ policy, rule }], postures: {} });
  const words = image.words.slice();
  // The verdict for the owner of a file comes first in an entry; states have no such number there.
  for (let index = 0; index < words.length; index += 2) if (words[index]! >= VERDICT_MARK) words[index] = 0;
  matcher.use({ ...image, words });
  for (const path of ['/etc/shadow', '/etc/hostname']) {
    const key = Buffer.from(path);
    assert.deepEqual(matcher.decide(key, { programClass: 0 }, 'read', 'owner'), { action: 'Block', rule: undefined });
    assert.deepEqual(
      matcher.decide(key, { programClass: 0 }, 'read', 'other').action,
      path === '/etc/shadow' ? 'Block' : 'Allow',
    );
  }
});

test('a path of 4096 bytes is read to its last byte', () => {
  const deep = `${`/${'d'.repeat(255)}`.repeat(15)}/${'d'.repeat(254)}`;
  const path = `${deep}x`;
  const rule = fileRule(path);
  const policy = { name: 'deep', namespace: 'default', matchLabels: {}, rules: [rule] };
  assert.equal(Buffer.byteLength(path), 4096);
  matcher.use(compileImage({ rules: [{ policy, rule }], postures: {} }));
  assert.equal(matcher.decide(Buffer.from(path), { programClass: 0 }, 'read', 'other').action, 'Block');
  assert.equal(matcher.decide(Buffer.from(`${deep}y`), { programClass: 0 }, 'read', 'other').action, 'Allow');
});
