import type { Container } from '../containers/container.js';
import { Failure } from '../failure.js';
import type { Image } from '../image/image.js';
import { type Policy, type PolicyName, policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { nextTimeSlice } from '../time-slices.js';
import type { Change } from './change.js';
import type { DesiredState } from './desired-state.js';
import type { DryRunJob } from './dry-run-job.js';
import type { DryRunPool } from './dry-run-pool.js';
import type { Ledger } from './ledger.js';
import { type PolicyChange, type PolicyInput, planPolicies } from './policy-plan.js';
import { reviewInputs } from './policy-review.js';
import { withPostureWarnings } from './posture-warnings.js';
import { reviewerBeside } from './reviewers.js';
import type { RuleSets } from './rule-sets.js';
import type { Caller } from './work-thread.js';

/** What a change would result in. */
export interface ChangePreview {
  readonly changes: readonly PolicyChange[];
  readonly before: DesiredState;
  readonly after: DesiredState;
  /** Which containers' rules may change. */
  readonly affected: (container: Container) => boolean;
  /** Compiles a rule set beside the daemon's own work. */
  readonly compile: (ruleSet: RuleSet) => Promise<Image>;
}

/** Refuses a change that would harm the host. */
export type HostCheck = (change: Change<PolicyChange[]>) => Promise<void>;

/**
 * What would result if policies were applied and others deleted. Containers and changes do not wait for it: it is
 * worked out in parallel, from the state at the time of the call.
 *
 * @throws Failure not-found when a policy to be deleted does not exist
 */
export async function previewChange(
  {
    inputs,
    deleted,
    caller,
  }: { readonly inputs: readonly PolicyInput[]; readonly deleted: readonly PolicyName[]; readonly caller: Caller },
  ledger: Pick<Ledger, 'desired' | 'revision'>,
  rules: RuleSets,
  dryRuns: DryRunPool,
  checkHost: HostCheck,
): Promise<ChangePreview> {
  const { desired: before } = ledger;
  const gone = deleted.map(policyKey);
  const unknown = gone.find((key) => before.policies.get(key) === undefined);
  if (unknown !== undefined) throw new Failure('not-found', `no policy ${unknown}`);
  const kept = before.policies.withoutAll(gone);
  const { limits } = rules.images;
  const check = async (job: DryRunJob) => {
    await nextTimeSlice();
    return dryRuns.check({ ...job, limits }, caller);
  };
  const tryToCompile = (ruleSet: RuleSet) => check({ ruleSet });
  const compile = async (ruleSet: RuleSet) => {
    await nextTimeSlice();
    return (await dryRuns.dryRun({ ruleSet, limits }, caller)).image;
  };
  const compileAlone = (policy: Policy) => rules.compileAlone(policy, tryToCompile);
  const wanted = kept.with(inputs.map(({ policy }) => policy));
  const change = await planPolicies(inputs, before, wanted, rules, compileAlone, caller.disconnected);
  await checkHost(change);
  const planned = change.next;
  if (planned === undefined) {
    const changes = await withPostureWarnings(change.result, before, rules);
    return { changes, before, after: before, affected: () => false, compile };
  }
  const leftOut = await rules.preview(planned.desired, planned.affected, tryToCompile, caller.disconnected);
  await planned.check?.(leftOut);
  await nextTimeSlice();
  const { desired: after, result } = await change.make({ revision: ledger.revision + 1, leftOut });
  const changes = await reviewInputs(inputs, result, after, rules, reviewerBeside(inputs, check));
  return { changes, before, after, affected: planned.affected, compile };
}
