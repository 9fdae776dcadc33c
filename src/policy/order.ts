import type { Action, BoundRule, PathMatch } from './model.js';
import { policyKey } from './model.js';

const KIND_RANK: Record<PathMatch['kind'], number> = { exact: 0, pattern: 1, directory: 2 };
const ACTION_RANK: Record<Action, number> = { Block: 0, Audit: 1, Allow: 2 };

/**
 * The total order in which rules that match the same access are asked; the first that has an effect decides.
 * A rule with a source comes before one without (a rule whose source does not match is no candidate at all); then the
 * more specific path; then the stronger action. Names settle what is left, so the time of arrival never matters.
 */
export function compareRules(left: BoundRule, right: BoundRule): number {
  const a = left.rule;
  const b = right.rule;
  return (
    Number(b.sources.length > 0) - Number(a.sources.length > 0) ||
    KIND_RANK[a.match.kind] - KIND_RANK[b.match.kind] ||
    literalPrefixBytes(b.match) - literalPrefixBytes(a.match) ||
    ACTION_RANK[a.action] - ACTION_RANK[b.action] ||
    compareText(policyKey(left.policy), policyKey(right.policy)) ||
    compareText(a.id, b.id)
  );
}

/** Length in bytes of the part of a match that stands before its first wildcard. */
export function literalPrefixBytes(match: PathMatch): number {
  switch (match.kind) {
    case 'exact':
      return Buffer.byteLength(match.path);
    case 'directory':
      return Buffer.byteLength(match.directory);
    case 'pattern': {
      const literal = /^(?:\\.|[^\\*?[{])*/su.exec(match.pattern)![0];
      return Buffer.byteLength(literal.replace(/\\(.)/gsu, '$1'));
    }
  }
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
