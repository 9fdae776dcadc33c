import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import { resolveRules } from '../../src/policy/rule-set.js';
import { assertAgreement, type Decider } from '../property/agreement.js';
import { randomDecisions } from '../property/random-decisions.js';
import { decisionRuns } from '../property/runs.js';
import { accessWord } from '../support/access-word.js';
import { BpfMatcher } from '../support/bpf-matcher.js';

const ACCESSES = 100;
const matcher = new BpfMatcher();
after(() => matcher.close());

const inTheKernel: Decider = {
  decide: ({ operation, object, program, ownership, terminal }) =>
    matcher.decide(
      accessWord(object),
      { programClass: matcher.classifyProgram(program), terminal },
      operation,
      ownership,
    ),
  allowsArguments: (rule, given) => given.every((argument) => matcher.allowsArgument(rule, argument)),
};

test('the matcher in the kernel decides every access as its rules do when they are asked one by one', () => {
  fc.assert(
    fc.property(randomDecisions(ACCESSES), (decisions) => {
      const image = compileImage(resolveRules(decisions.bound, decisions.postures));
      matcher.use(image);
      assertAgreement(decisions, image, inTheKernel);
    }),
    decisionRuns(ACCESSES),
  );
});

test('a path of 4096 bytes is read to its last byte', () => {
  const deep = `${`/${'d'.repeat(255)}`.repeat(15)}/${'d'.repeat(254)}`;
  const rule = {
    id: 'file.matchPaths[0]',
    class: 'file',
    match: { kind: 'exact', path: `${deep}x` },
    sources: [],
    action: 'Block',
    readOnly: false,
    ownerOnly: false,
    severity: 1,
    tags: [],
    message: '',
  } as const;
  const policy = { name: 'deep', namespace: 'default', matchLabels: {}, rules: [rule] };
  assert.equal(Buffer.byteLength(rule.match.path), 4096);
  matcher.use(compileImage({ rules: [{ policy, rule }], postures: {} }));
  assert.equal(matcher.decide(Buffer.from(`${deep}x`), { programClass: 0 }, 'read', 'other').action, 'Block');
  assert.equal(matcher.decide(Buffer.from(`${deep}y`), { programClass: 0 }, 'read', 'other').action, 'Allow');
});
