import { partOf } from './kinds/kinds.js';
import type { Action, BoundRule, Match } from './model.js';
import { policyKey } from './model.js';

const ACTION_RANK: Record<Action, number> = { Block: 0, Audit: 1, Allow: 2 };

/**
 * The total order in which rules that match the same access are asked; the first that has an effect decides.
 * A policy of a higher priority comes first. A rule with a source comes before one without (a rule whose source does not match is no candidate at all); then the
 * more specific match; then the stronger action. Names settle what is left, so the time of arrival never matters.
 */
export function compareRules(left: BoundRule, right: BoundRule): number {
  const a = left.rule;
  const b = right.rule;
  return (
    // The implied rule for local sockets comes after all rules of policies.
    Number(isForLocal(a.match)) - Number(isForLocal(b.match)) ||
    (right.policy.priority ?? 0) - (left.policy.priority ?? 0) ||
    Number(b.sources.length > 0) - Number(a.sources.length > 0) ||
    kindRank(a.match) - kindRank(b.match) ||
    specificity(b.match) - specificity(a.match) ||
    ACTION_RANK[a.action] - ACTION_RANK[b.action] ||
    compareText(policyKey(left.policy), policyKey(right.policy)) ||
    compareText(a.id, b.id)
  );
}

/** Whether a match is that of the implied rule for local sockets, which is in no policy. */
export function isForLocal(match: Match): boolean {
  return match.kind === 'family' && match.local === true;
}

/** Orders matches of one kind: higher is more specific. */
export function specificity(match: Match): number {
  return partOf(match).specificity(match);
}

/** Kinds from the most specific to the least. Only kinds of one class ever meet. */
function kindRank(match: Match): number {
  return partOf(match).rank(match);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
