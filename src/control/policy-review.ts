import type { Reviewer } from '../explain/review.js';
import type { Postures } from '../policy/model.js';
import type { DesiredState } from './desired-state.js';
import type { Enforcement } from './enforcement.js';
import type { PolicyChange } from './policy-plan.js';
import { inTurns } from './turns.js';

/** The policies of a call that are not reviewed by then are not reviewed, to answer in time; their authors are told. */
const REVIEW_MILLISECONDS = 3000;
const NOT_REVIEWED = 'its rules were not compared with others: too many were given at once';

type Reviewing = Pick<Enforcement, 'host' | 'reviewerFor' | 'reviewerOfPolicy'>;
type PosturesFor = (namespace: string) => Postures;

/** Adds what the rules of new and changed policies mean among those that reach the same container. */
export async function reviewChanges(
  changes: readonly PolicyChange[],
  desired: DesiredState,
  enforcement: Reviewing,
  posturesFor: PosturesFor,
): Promise<PolicyChange[]> {
  const reviewers = new Map<string, Reviewer>();
  const deadline = performance.now() + REVIEW_MILLISECONDS;
  const reviewed: PolicyChange[] = [];
  for await (const change of inTurns(changes)) {
    const isNew = change.kind === 'created' || change.kind === 'updated';
    if (!isNew) reviewed.push(change);
    else if (performance.now() > deadline) reviewed.push({ ...change, warnings: [...change.warnings, NOT_REVIEWED] });
    else {
      const reviewer = await reviewerFor(change, desired, enforcement, posturesFor, reviewers);
      const { shadowed, conflicts } = reviewer.review(change.policy);
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
  known: Map<string, Reviewer>,
): Promise<Reviewer> {
  const container = id === undefined ? undefined : (desired.containers.get(id) ?? enforcement.host);
  if (id === undefined || container === undefined) return enforcement.reviewerOfPolicy(policy, posturesFor(''));
  const reviewer =
    known.get(id) ?? (await enforcement.reviewerFor(container, desired, posturesFor(container.namespace)));
  known.set(id, reviewer);
  return reviewer;
}
