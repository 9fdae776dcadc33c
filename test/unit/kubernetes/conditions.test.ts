import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  conditionsOf,
  isSameButCounts,
  isSameSentenceButCounts,
  merged,
  type PolicyReport,
  sentenceOf,
} from '../../../src/kubernetes/conditions.js';

const REPORT: PolicyReport = { warnings: [], isHeld: true, containers: 2, leftOut: 0, overridden: 0, nodes: 1 };
const INVALID = { reason: 'Invalid', message: 'spec.action: must be one of' };

function reported(change: Partial<PolicyReport>): string[] {
  return conditionsOf({ ...REPORT, ...change }).map(
    ({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`,
  );
}

test('a policy is reported as enforced, as reaching nothing, or with the reason why it is not in force', () => {
  assert.deepEqual(reported({}), ['Accepted True Accepted: ', 'Enforced True Enforced: in 2 containers on 1 node']);
  assert.equal(reported({ containers: 0, nodes: 0 })[1], 'Enforced True ReachesNothing: in 0 containers on 0 nodes');
  assert.deepEqual(reported({ refusal: INVALID, isHeld: false }), [
    'Accepted False Invalid: spec.action: must be one of',
    'Enforced False NotAccepted: the policy is not accepted',
  ]);
  assert.match(reported({ refusal: INVALID })[1]!, /^Enforced True EarlierForm: the form accepted last is in force/);
  assert.match(reported({ leftOut: 1 })[1]!, /^Enforced False LeftOut: left out in 1 of 2 containers on 1 node/);
  assert.equal(
    reported({ problem: 'node a does not enforce: x' })[1],
    'Enforced False NotEnforcing: node a does not enforce: x',
  );
  const not = 'by the annotation kubearmor-policy of their pods';
  assert.equal(reported({ overridden: 1 })[1], `Enforced True Enforced: in 2 containers on 1 node, but for 1 ${not}`);
  assert.equal(
    reported({ overridden: 2 })[1],
    `Enforced False Overridden: in 2 containers on 1 node, but for 2 ${not}`,
  );
  assert.equal(reported({ warnings: ['one', 'two'] })[0], 'Accepted True Accepted: one\ntwo');
});

test('a message is no longer than Kubernetes accepts', () => {
  const [accepted] = conditionsOf({ ...REPORT, warnings: ['x'.repeat(100_000)] });
  assert.equal(accepted!.message.length, 32_768);
});

test('the times of conditions change only with their status, and an unchanged status is not written', () => {
  const wanted = conditionsOf(REPORT);
  const first = merged([], wanted, 1, new Date('2026-01-01T00:00:00.123Z'))!;
  assert.deepEqual(
    first.map(({ lastTransitionTime }) => lastTransitionTime),
    Array(2).fill('2026-01-01T00:00:00Z'),
  );
  assert.equal(merged(first, wanted, 1, new Date()), undefined);
  const later = new Date('2026-02-01T00:00:00Z');
  const counted = merged(first, conditionsOf({ ...REPORT, containers: 3 }), 2, later)!;
  assert.deepEqual(
    counted.map(({ lastTransitionTime }) => lastTransitionTime),
    Array(2).fill('2026-01-01T00:00:00Z'),
  );
  assert.deepEqual(
    counted.map(({ observedGeneration }) => observedGeneration),
    [2, 2],
  );
  const broken = merged(first, conditionsOf({ ...REPORT, problem: 'x' }), 1, later)!;
  assert.equal(broken[1]!.lastTransitionTime, '2026-02-01T00:00:00Z');
});

test('kinds whose status is a text get a text', () => {
  assert.equal(sentenceOf(conditionsOf(REPORT)), 'Enforced: in 2 containers on 1 node');
  const warned = sentenceOf(conditionsOf({ ...REPORT, warnings: ['priority was removed'] }));
  assert.equal(warned, 'Enforced: in 2 containers on 1 node; warnings: priority was removed');
  assert.equal(sentenceOf(conditionsOf({ ...REPORT, refusal: INVALID })), 'Invalid: spec.action: must be one of');
});

test('a change of numbers in a text can wait, another reason or warning cannot', () => {
  const known = sentenceOf(conditionsOf(REPORT));
  const isSame = (change: Partial<PolicyReport>) =>
    isSameSentenceButCounts(known, sentenceOf(conditionsOf({ ...REPORT, ...change })));
  assert.equal(isSame({ containers: 3, nodes: 2 }), true);
  assert.equal(isSame({ containers: 0, nodes: 0 }), false);
  assert.equal(isSame({ warnings: ['one'] }), false);
});

test('a change of numbers can wait, another reason, warning or generation cannot', () => {
  const known = merged([], conditionsOf(REPORT), 1, new Date())!;
  const isSame = (change: Partial<PolicyReport>, generation = 1) =>
    isSameButCounts(known, conditionsOf({ ...REPORT, ...change }), generation);
  assert.equal(isSame({ containers: 3, nodes: 2 }), true);
  assert.equal(isSame({ containers: 0, nodes: 0 }), false);
  assert.equal(isSame({ leftOut: 1 }), false);
  assert.equal(isSame({ warnings: ['one'] }), false);
  assert.equal(isSame({}, 2), false);
});
