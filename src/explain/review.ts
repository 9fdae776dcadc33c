import type { BoundRule, Policy, Postures } from '../policy/model.js';
import { policyKey } from '../policy/model.js';
import { explain } from './evaluate.js';
import { comparePrecedence } from './precedence.js';
import { witnessesOf } from './witness.js';

/** What the author of a policy should know of its rules among the others that reach the same container. */
export interface Review {
  /** Rules that never decide anything, each with the reason. */
  readonly shadowed: readonly string[];
  /** Rules that say another thing of the same access than rules of theirs or of other policies, and which comes first. */
  readonly conflicts: readonly string[];
}

/** Nobody reads more, and a policy of thousands of rules must not take long. */
const LINES_MAX = 20;
const RULES_MAX = 500;

/**
 * @param reaching every rule that reaches the container
 * @param decides whether a rule decides any access at all
 */
export function review(
  policy: Policy,
  reaching: readonly BoundRule[],
  postures: Postures,
  decides: (rule: BoundRule) => boolean,
): Review {
  const shadowed: string[] = [];
  const conflicts = new Set<string>();
  const own = reaching.filter((bound) => policyKey(bound.policy) === policyKey(policy)).slice(0, RULES_MAX);
  for (const bound of own) {
    if (shadowed.length >= LINES_MAX && conflicts.size >= LINES_MAX) break;
    const others = rivalsOf(bound, reaching, postures);
    if (!decides(bound) && shadowed.length < LINES_MAX) {
      const [first] = others.filter((other) => comparePrecedence(other, bound).sign < 0);
      const reason = first === undefined ? 'no access is decided by it' : comesFirst(first, bound);
      shadowed.push(`${bound.rule.id} never decides: ${reason}`);
    }
    for (const other of others) {
      if (conflicts.size >= LINES_MAX || other.rule.action === bound.rule.action) continue;
      const [winner, loser] = comparePrecedence(bound, other).sign < 0 ? [bound, other] : [other, bound];
      conflicts.add(`${bound.rule.id} and ${nameOf(other)} disagree: ${comesFirst(winner, loser)}`);
    }
  }
  return { shadowed, conflicts: [...conflicts] };
}

/** Other rules that speak of an access that this one speaks of, in their order. */
function rivalsOf(bound: BoundRule, reaching: readonly BoundRule[], postures: Postures): BoundRule[] {
  const rivals = new Set<BoundRule>();
  for (const access of witnessesOf(bound)) {
    const { decider, losers } = explain(reaching, postures, access);
    if (decider !== undefined && 'rule' in decider) rivals.add(decider);
    for (const { rule, speaks } of losers) if (speaks) rivals.add(rule);
  }
  rivals.delete(bound);
  return [...rivals].sort((a, b) => comparePrecedence(a, b).sign);
}

function comesFirst(winner: BoundRule, loser: BoundRule): string {
  return `${nameOf(winner)} comes first, ${comparePrecedence(winner, loser).reason}`;
}

function nameOf({ policy, rule }: BoundRule): string {
  return `${policyKey(policy)} ${rule.id} (${rule.action})`;
}
