import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { compileImage } from '../../src/image/compile.js';
import { classifyProgram, decide } from '../../src/image/walk.js';
import { OPERATIONS, OWNERSHIPS } from '../../src/policy/effect.js';
import { randomPaths, randomProgram, randomRuleSet } from '../property/image-rule-sets.js';
import { BpfMatcher } from '../support/bpf-matcher.js';

const RUNS = Number(process.env.HAUBERK_KERNEL_RUNS ?? 300);
const matcher = new BpfMatcher();
after(() => matcher.close());

const questions = randomRuleSet.chain((ruleSet) =>
  fc.record({
    ruleSet: fc.constant(ruleSet),
    paths: randomPaths(ruleSet).map((paths) => paths.slice(0, 4)),
    program: randomProgram,
    operation: fc.constantFrom(...OPERATIONS),
    ownership: fc.constantFrom(...OWNERSHIPS),
  }),
);

test('the matcher in the kernel gives the answers of the walk in user space', () => {
  fc.assert(
    fc.property(questions, ({ ruleSet, paths, program, operation, ownership }) => {
      const image = compileImage(ruleSet);
      matcher.use(image);
      const programClass = matcher.classifyProgram(Buffer.from(program));
      assert.equal(programClass, classifyProgram(image.words, Buffer.from(program)));
      for (const path of paths) {
        assert.deepEqual(
          matcher.decide(path, programClass, operation, ownership),
          decide(image.words, path, programClass, operation, ownership),
        );
      }
    }),
    { numRuns: RUNS },
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
  assert.equal(matcher.decide(Buffer.from(`${deep}x`), 0, 'read', 'other').action, 'Block');
  assert.equal(matcher.decide(Buffer.from(`${deep}y`), 0, 'read', 'other').action, 'Allow');
});
