import { describeMissing, type MissingHook, notCovered, type Operation } from '../kernel/missing-hooks.js';
import type { Policy, Rule } from '../policy/model.js';
import { operationsOf } from '../policy/operations.js';

/** What missing hooks mean for policies. */
export class HookCoverage {
  /** @param missing hooks at which nothing is decided */
  constructor(readonly missing: readonly MissingHook[]) {}

  /** A warning for each missing hook that rules of the policy need, with the rules. */
  warningsFor(policy: Policy): string[] {
    return this.missing.flatMap((missing) => {
      const uncovered = notCovered(missing);
      const ids = policy.rules.filter((rule) => uncovered.some((each) => needs(rule, each))).map(({ id }) => id);
      return ids.length === 0 ? [] : [`${listOf(ids)} not wholly in force: ${describeMissing(missing)}`];
    });
  }
}

const RULES_NAMED = 5;

function listOf(ids: readonly string[]): string {
  const more = ids.length - RULES_NAMED;
  if (ids.length === 1) return `${ids[0]} is`;
  return `${ids.slice(0, RULES_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''} are`;
}

function needs(rule: Rule, uncovered: Operation): boolean {
  return operationsOf(rule).some(
    ({ class: ruleClass, operations }) =>
      ruleClass === uncovered.class && (operations === 'all' || operations.has(uncovered.operation)),
  );
}
