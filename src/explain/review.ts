import { append } from '../policy/append.js';
import type { BoundRule, Policy, Postures } from '../policy/model.js';
import { policyKey } from '../policy/model.js';
import { isImplied } from '../policy/rule-set.js';
import { finish, isStep, type Steps } from '../steps.js';
import { explain } from './evaluate.js';
import { exampleAccessesOf } from './example-accesses.js';
import { comparePrecedence } from './precedence.js';
import { RuleIndex } from './rule-index.js';

/** A rule that never decides anything. */
export interface ShadowedRule {
  readonly id: string;
  /** Begins with the id, and says why. */
  readonly sentence: string;
  /** Which policy has the rule that comes first, where there is one. */
  readonly winnerIn?: 'same policy' | 'other policy';
}

/** What the author of a policy should know about its rules among the others that reach the same container. */
export interface Review {
  readonly shadowed: readonly ShadowedRule[];
  /** How many more rules never decide. */
  readonly moreShadowed: number;
  /** Rules that disagree about an access with rules of the same or other policies, and which comes first. */
  readonly conflicts: readonly string[];
  /** How many rules were not compared with all others, so that more may disagree. */
  readonly uncompared: number;
}

/** Limits, since a policy of thousands of rules must not take long, and nobody reads more. */
const LINES_MAX = 20;
const RULES_MAX = 500;

/** Compares the rules of policies with all that reach the same container. */
export class Reviewer {
  readonly #index: RuleIndex;
  readonly #byPolicy: ReadonlyMap<string, readonly BoundRule[]>;

  private constructor(
    index: RuleIndex,
    byPolicy: ReadonlyMap<string, readonly BoundRule[]>,
    readonly postures: Postures,
    readonly decides: (rule: BoundRule) => boolean,
  ) {
    this.#index = index;
    this.#byPolicy = byPolicy;
  }

  /**
   * @param all every rule that reaches the container
   * @param decides whether a rule decides any access at all
   */
  static *inSteps(
    all: readonly BoundRule[],
    postures: Postures,
    decides: (rule: BoundRule) => boolean,
  ): Steps<Reviewer> {
    const reaching = all.filter((bound) => !isImplied(bound));
    const index = yield* RuleIndex.inSteps(reaching);
    const byPolicy = new Map<string, BoundRule[]>();
    for (const [place, bound] of reaching.entries()) {
      append(byPolicy, policyKey(bound.policy), bound);
      if (isStep(place)) yield;
    }
    return new Reviewer(index, byPolicy, postures, decides);
  }

  review(policy: Policy): Review {
    return finish(this.reviewInSteps(policy));
  }

  /** The same, a step for each rule. */
  *reviewInSteps(policy: Policy): Steps<Review> {
    // By id, since links double rules.
    const shadowed = new Map<string, ShadowedRule>();
    const conflicts = new Set<string>();
    /** Of rules of this policy, which meet from both sides. */
    const ownConflicts = new Set<string>();
    const moreShadowed = new Set<string>();
    const uncompared = new Set<string>();
    const own = this.#byPolicy.get(policyKey(policy)) ?? [];
    for (const [place, bound] of own.entries()) {
      const { id, action } = bound.rule;
      const isShadowed = !this.decides(bound);
      const isListed = isShadowed && !shadowed.has(id) && shadowed.size < LINES_MAX;
      const isCompared = place < RULES_MAX && conflicts.size < LINES_MAX;
      if (isShadowed && !isListed && !shadowed.has(id)) moreShadowed.add(id);
      if (!isCompared) uncompared.add(id);
      if (isListed || isCompared || isStep(place)) yield;
      if (!isListed && !isCompared) continue;
      const others = this.#rivalsOf(bound);
      if (isListed) {
        const [first] = others.filter((other) => comparePrecedence(other, bound).sign < 0);
        shadowed.set(id, shadowedBy(first, bound));
      }
      if (!isCompared) continue;
      for (const other of others) {
        if (other.rule.action === action) continue;
        if (conflicts.size >= LINES_MAX) {
          uncompared.add(id);
          break;
        }
        if (isSamePolicy(other, bound)) {
          if (ownConflicts.has(`${other.rule.id} ${id}`)) continue;
          ownConflicts.add(`${id} ${other.rule.id}`);
        }
        const [winner, loser] = comparePrecedence(bound, other).sign < 0 ? [bound, other] : [other, bound];
        conflicts.add(`${id} and ${nameOf(other)} disagree: ${comesFirst(winner, loser)}`);
      }
    }
    const counts = { moreShadowed: moreShadowed.size, uncompared: uncompared.size };
    return { shadowed: [...shadowed.values()], conflicts: [...conflicts], ...counts };
  }

  /** Other rules that cover an access that this one covers, in their order. */
  #rivalsOf(bound: BoundRule): BoundRule[] {
    const rivals = new Set<BoundRule>();
    for (const access of exampleAccessesOf(bound)) {
      const { decider, losers } = explain(this.#index.candidatesFor(access), this.postures, access);
      if (decider !== undefined && 'rule' in decider) rivals.add(decider);
      for (const { rule, applies } of losers) if (applies) rivals.add(rule);
    }
    const isTwin = (other: BoundRule) => other.rule.id === bound.rule.id && isSamePolicy(other, bound);
    return [...rivals].filter((other) => !isTwin(other)).sort((a, b) => comparePrecedence(a, b).sign);
  }
}

function shadowedBy(winner: BoundRule | undefined, loser: BoundRule): ShadowedRule {
  const { id } = loser.rule;
  if (winner === undefined) return { id, sentence: `${id} never decides: no access is decided by it` };
  return {
    id,
    sentence: `${id} never decides: ${comesFirst(winner, loser)}`,
    winnerIn: isSamePolicy(winner, loser) ? 'same policy' : 'other policy',
  };
}

function isSamePolicy(a: BoundRule, b: BoundRule): boolean {
  return policyKey(a.policy) === policyKey(b.policy);
}

function comesFirst(winner: BoundRule, loser: BoundRule): string {
  return `${nameOf(winner)} comes first, ${comparePrecedence(winner, loser).reason}`;
}

function nameOf({ policy, rule }: BoundRule): string {
  return `${policyKey(policy)} ${rule.id} (${rule.action})`;
}
