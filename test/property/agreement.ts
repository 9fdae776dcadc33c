import assert from 'node:assert/strict';
import { describeRule } from '../../src/events/rule-description.js';
import type { Access } from '../../src/explain/access.js';
import { type Explanation, explain } from '../../src/explain/evaluate.js';
import type { DecidingRule, Image } from '../../src/image/image.js';
import type { Decision } from '../../src/image/walk.js';
import { policyKey } from '../../src/policy/model.js';
import type { Decisions } from './random-decisions.js';

/** What decides by an image: the walk in user space, or the matcher in the kernel. */
export interface Decider {
  decide(access: Access): Decision;
  allowsArguments(rule: number, given: readonly Uint8Array[]): boolean;
}

/** Compares the decisions on every access, and fails at the first difference. */
export function assertAgreement({ bound, postures, accesses }: Decisions, image: Image, decider: Decider): void {
  for (const access of accesses) {
    const expected = describeExplanation(explain(bound, postures, access));
    const decided = describeDecision(decider, image, access);
    if (decided === expected) continue;
    const { object, program, ...rest } = access;
    const text = JSON.stringify({ ...rest, object, program: Buffer.from(program).toString() });
    assert.equal(decided, expected, text);
  }
}

function describeExplanation({ action, wouldBlock, decider }: Explanation): string {
  const by =
    decider === undefined
      ? 'nothing'
      : 'postureOf' in decider
        ? `posture of ${decider.postureOf}`
        : `${policyKey(decider.policy)} ${decider.rule.id}`;
  return `${action}${wouldBlock ? ', would block,' : ''} by ${by}`;
}

function describeDecision(decider: Decider, { rules }: Image, access: Access): string {
  const decision = decider.decide(access);
  const { rule } = decision;
  if (rule === undefined) return `${decision.action} by nothing`;
  const isAllowed = decision.byArguments === true && decider.allowsArguments(rule, access.arguments);
  const action = isAllowed ? 'Allow' : decision.action;
  const wouldBlock = action === 'Audit' && describeRule(rules[rule]!).wouldBlock === true;
  return `${action}${wouldBlock ? ', would block,' : ''} by ${nameOf(rules[rule]!)}`;
}

function nameOf(deciding: DecidingRule): string {
  if ('posture' in deciding) return `posture of ${deciding.class}`;
  return `${policyKey(deciding.policy)} ${deciding.rule.id}`;
}
