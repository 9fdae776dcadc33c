import type { BoundRule, Match } from '../policy/model.js';
import { policyKey } from '../policy/model.js';
import { readingOf } from './kinds/kinds.js';
import { KIND_ORDER } from './kinds/part.js';

/** Why one rule is asked before another that covers the same access. */
export interface Advantage {
  /** Negative when the first comes before the second. */
  readonly sign: number;
  /** For people: why the first one comes first. */
  readonly reason: string;
}

/**
 * The total order of rules, written from its description and not from src/policy/precedence.ts, against which it is
 * tested: tier by tier, the first that differs decides.
 */
export function comparePrecedence(first: BoundRule, second: BoundRule): Advantage {
  for (const tier of TIERS) {
    const sign = tier.compare(first, second);
    if (sign !== 0) return { sign, reason: tier.reason };
  }
  return { sign: 0, reason: 'it is the same rule' };
}

const TIERS: readonly { readonly reason: string; readonly compare: (a: BoundRule, b: BoundRule) => number }[] = [
  {
    reason: 'its policy has the higher priority',
    compare: (a, b) => (b.policy.priority ?? 0) - (a.policy.priority ?? 0),
  },
  {
    reason: 'it names the acting program',
    compare: (a, b) => Math.sign(b.rule.sources.length) - Math.sign(a.rule.sources.length),
  },
  {
    reason: 'it is of the more specific kind',
    compare: (a, b) => placeOf(a.rule.match) - placeOf(b.rule.match),
  },
  {
    reason: 'what it names is more specific',
    compare: (a, b) => compareNumbers(detailOf(b.rule.match), detailOf(a.rule.match)),
  },
  {
    reason: 'its action is the stronger one',
    compare: (a, b) => ACTION_ORDER.indexOf(a.rule.action) - ACTION_ORDER.indexOf(b.rule.action),
  },
  {
    reason: 'its name comes first, as nothing else tells the two apart',
    compare: (a, b) => {
      const [left, right] = [
        [policyKey(a.policy), a.rule.id],
        [policyKey(b.policy), b.rule.id],
      ] as const;
      const at = left[0] === right[0] ? 1 : 0;
      return left[at] < right[at] ? -1 : Number(left[at] > right[at]);
    },
  },
];

const ACTION_ORDER = ['Block', 'Audit', 'Allow'] as const;

/** Where its kind comes, counted from the most specific. */
function placeOf(match: Match): number {
  return KIND_ORDER.indexOf(readingOf(match).kind(match));
}

function detailOf(match: Match): readonly number[] {
  return readingOf(match).detail(match);
}

function compareNumbers(a: readonly number[], b: readonly number[]): number {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
