import type { Policy } from '../policy/model.js';
import { ruleName } from './run.js';

export interface Coverage {
  readonly rules: number;
  /** Names of the rules by which no case was decided. */
  readonly undecided: readonly string[];
}

/** @param decidedBy the rule that decided each case, if any */
export function coverageOf(policies: readonly Policy[], decidedBy: readonly (string | undefined)[]): Coverage {
  const names = policies.flatMap((policy) => policy.rules.map((rule) => ruleName({ policy, rule })));
  const deciding = new Set(decidedBy);
  return { rules: names.length, undecided: names.filter((name) => !deciding.has(name)) };
}

/** From 0 to 100; 100 where there is no rule. */
export function percentOf({ rules, undecided }: Coverage): number {
  return rules === 0 ? 100 : ((rules - undecided.length) / rules) * 100;
}
