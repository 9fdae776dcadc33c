import type { Review } from '../explain/review.js';
import type { Policy, Postures } from '../policy/model.js';
import { type RuleSet, resolveRules } from '../policy/rule-set.js';
import type { DesiredState } from './desired-state.js';
import type { Enforcement } from './enforcement.js';
import type { PolicyChange } from './policy-plan.js';
import { inTurns } from './turns.js';

/** The policies of a call that are not reviewed by then are not reviewed, to answer in time; their authors are told. */
const REVIEW_MILLISECONDS = 3000;
const NOT_REVIEWED = 'its rules were not compared with others: too many were given at once';

type Reviewing = Pick<Enforcement, 'host' | 'ruleSetFor' | 'postures'>;
type PosturesFor = (namespace: string) => Postures;

/** Reviews policies among the rules that reach a container. */
export interface PolicyReviewer {
  review(policy: Policy): Review | Promise<Review>;
}

/** Makes a reviewer for a rule set; where it works is its own business. */
export type ReviewerOf = (ruleSet: RuleSet, postures: Postures) => PolicyReviewer | Promise<PolicyReviewer>;

/** Adds what the rules of new and changed policies mean among those that reach the same container. */
export async function reviewChanges(
  changes: readonly PolicyChange[],
  desired: DesiredState,
  enforcement: Reviewing,
  posturesFor: PosturesFor,
  reviewerOf: ReviewerOf,
): Promise<PolicyChange[]> {
  const reviewers = new Map<string, PolicyReviewer>();
  const deadline = performance.now() + REVIEW_MILLISECONDS;
  const reviewed: PolicyChange[] = [];
  for await (const change of inTurns(changes)) {
    const isNew = change.kind === 'created' || change.kind === 'updated';
    if (!isNew) reviewed.push(change);
    else if (performance.now() > deadline) reviewed.push({ ...change, warnings: [...change.warnings, NOT_REVIEWED] });
    else {
      const reviewer = await reviewerFor(change, desired, enforcement, posturesFor, reviewerOf, reviewers);
      const { shadowed, conflicts } = await reviewer.review(change.policy);
      reviewed.push({ ...change, warnings: [...change.warnings, ...shadowed], conflicts });
    }
  }
  return reviewed;
}

/** For the rules of the first container that a policy reaches, or for its own where there is none. */
async function reviewerFor(
  { policy, containerIds: [id] }: PolicyChange,
  desired: DesiredState,
  enforcement: Reviewing,
  posturesFor: PosturesFor,
  reviewerOf: ReviewerOf,
  known: Map<string, PolicyReviewer>,
): Promise<PolicyReviewer> {
  const container = id === undefined ? undefined : (desired.containers.get(id) ?? enforcement.host);
  if (id === undefined || container === undefined) {
    const own = policy.rules.map((rule) => ({ policy, rule }));
    return reviewerOf(resolveRules(own, enforcement.postures), posturesFor(''));
  }
  const reviewer =
    known.get(id) ?? (await reviewerOf(enforcement.ruleSetFor(container, desired), posturesFor(container.namespace)));
  known.set(id, reviewer);
  return reviewer;
}
