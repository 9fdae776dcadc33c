import { policyKey } from '../policy/model.js';
import { finishInTimeSlices } from '../time-slices.js';
import type { CheckResult, DryRunJob } from './dry-run-job.js';
import type { PolicyInput } from './policy-plan.js';
import type { ReviewerOf } from './policy-review.js';
import type { RuleSets } from './rule-sets.js';

/** Reviews in the daemon's own thread, in time slices. */
export function reviewerHere(rules: RuleSets): ReviewerOf {
  return async (ruleSet, postures) => {
    const reviewer = await rules.reviewerOf(ruleSet, postures);
    return { review: (policy) => finishInTimeSlices(reviewer.reviewInSteps(policy)) };
  };
}

/** Reviews policies in a thread beside the daemon's own. @param run does a job there */
export function reviewerBeside(
  inputs: readonly PolicyInput[],
  run: (job: DryRunJob) => Promise<CheckResult>,
): ReviewerOf {
  return async (ruleSet, postures) => {
    const inSet = new Set(ruleSet.rules.map(({ policy }) => policyKey(policy)));
    const policies = inputs.map(({ policy }) => policy).filter((policy) => inSet.has(policyKey(policy)));
    const { reviews } = await run({ ruleSet, review: { postures, policies } });
    const byKey = new Map(policies.map((policy, index) => [policyKey(policy), reviews[index]]));
    // A policy that is left out has no rule among those that decide.
    const nothing = { shadowed: [], moreShadowed: 0, conflicts: [], uncompared: 0 };
    return {
      review: (policy) => (byKey.has(policyKey(policy)) ? byKey.get(policyKey(policy)) : nothing),
    };
  };
}
