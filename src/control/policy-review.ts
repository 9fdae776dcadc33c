import { counted } from '../counted.js';
import type { Review } from '../explain/review.js';
import { type Policy, type Postures, policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { finishInTimeSlices, inTimeSlices } from '../time-slices.js';
import type { DesiredState } from './desired-state.js';
import type { PolicyChange, PolicyInput } from './policy-plan.js';
import { withPostureWarnings } from './posture-warnings.js';
import { posturesFor, ruleSetOfPolicyInSteps } from './resolution.js';
import type { RuleSets } from './rule-sets.js';

/**
 * After this time no more policies of a call are reviewed, so that it is answered in time; those left out get a
 * warning.
 */
export const REVIEW_MILLISECONDS = 3000;
const NOT_REVIEWED = 'its rules were not compared with others: too many were given at once';

/** What to do about a rule that never decides, by where the one stands that comes first. */
const VOID_ADVICE = {
  'same policy': '; take it out, or change the one that comes first',
  'other policy': '; take it out, or give its policy a higher `priority`',
};

type Reviewing = Pick<RuleSets, 'host' | 'makeFor' | 'settings'>;
type PosturesIn = (namespace: string) => Postures;

/** Reviews policies among the rules that decide for a container. */
export interface PolicyReviewer {
  /** Undefined where there was no time for it. */
  review(policy: Policy): Review | undefined | Promise<Review>;
}

/** Makes a reviewer for a rule set, wherever it works. @throws Failure resource-exhausted when the set is too large */
export type ReviewerOf = (ruleSet: RuleSet, postures: Postures) => Promise<PolicyReviewer>;

/** Adds what the authors of these policies should know about the postures and the other rules they meet. */
export async function reviewInputs(
  inputs: readonly PolicyInput[],
  changes: readonly PolicyChange[],
  desired: DesiredState,
  ruleSets: RuleSets,
  reviewerOf: ReviewerOf,
): Promise<PolicyChange[]> {
  const places = new Map(inputs.map(({ policy, placeOf }) => [policyKey(policy), placeOf]));
  const placeOf = (policy: Policy, ruleId: string) => places.get(policyKey(policy))?.(ruleId) ?? '';
  const posturesIn = (namespace: string) => posturesFor(namespace, desired, ruleSets.settings);
  const warned = await withPostureWarnings(changes, desired, ruleSets);
  return reviewChanges(warned, desired, ruleSets, posturesIn, reviewerOf, placeOf);
}

/** Adds what the rules of new and changed policies mean among those that reach the same container. */
async function reviewChanges(
  changes: readonly PolicyChange[],
  desired: DesiredState,
  ruleSets: Reviewing,
  posturesIn: PosturesIn,
  reviewerOf: ReviewerOf,
  /** How a warning about a rule begins. */
  placeOf: (policy: Policy, ruleId: string) => string = () => '',
): Promise<PolicyChange[]> {
  const reviewers = new Map<string, PolicyReviewer>();
  const deadline = performance.now() + REVIEW_MILLISECONDS;
  const reviewed: PolicyChange[] = [];
  for await (const change of inTimeSlices(changes)) {
    const isNew = change.kind === 'created' || change.kind === 'updated';
    if (!isNew) reviewed.push(change);
    else {
      const reviewer =
        performance.now() > deadline
          ? undefined
          : await reviewerFor(change, desired, ruleSets, posturesIn, reviewerOf, reviewers);
      const review = await reviewer?.review(change.policy);
      if (review === undefined) {
        reviewed.push({ ...change, warnings: [...change.warnings, NOT_REVIEWED] });
        continue;
      }
      const warnings = [...change.warnings, ...shadowedLines(review, (id) => placeOf(change.policy, id))];
      reviewed.push({ ...change, warnings, conflicts: conflictLines(review) });
    }
  }
  return reviewed;
}

/** @param placeOf how a warning about the rule of this id begins */
function shadowedLines({ shadowed, moreShadowed }: Review, placeOf: (ruleId: string) => string): string[] {
  const lines = shadowed.map(
    ({ id, sentence, winnerIn }) => `${placeOf(id)}${sentence}${winnerIn === undefined ? '' : VOID_ADVICE[winnerIn]}`,
  );
  if (moreShadowed === 0) return lines;
  return [...lines, `${counted(moreShadowed, 'more rule never decides', 'more rules never decide')}, not listed`];
}

function conflictLines({ conflicts, uncompared }: Review): string[] {
  if (uncompared === 0) return [...conflicts];
  const rules = counted(uncompared, 'rule was', 'rules were');
  return [...conflicts, `${rules} not compared with all others, so there may be more conflicts`];
}

/** For the rules of the first container that a policy reaches, or for its own where there is none. */
async function reviewerFor(
  { policy, containerIds: [id] }: PolicyChange,
  desired: DesiredState,
  ruleSets: Reviewing,
  posturesIn: PosturesIn,
  reviewerOf: ReviewerOf,
  known: Map<string, PolicyReviewer>,
): Promise<PolicyReviewer> {
  const container = id === undefined ? undefined : (desired.containers.get(id) ?? ruleSets.host);
  if (id === undefined || container === undefined)
    return reviewerOf(await finishInTimeSlices(ruleSetOfPolicyInSteps(policy, ruleSets.settings)), posturesIn(''));
  const make = (ruleSet: RuleSet) => reviewerOf(ruleSet, posturesIn(container.namespace));
  const reviewer = known.get(id) ?? (await ruleSets.makeFor(container, desired, make));
  known.set(id, reviewer);
  return reviewer;
}
