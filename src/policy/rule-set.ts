import { CLASS_OF_OPERATION, OPERATIONS, type Operation, speaksOf } from './effect.js';
import type { BoundRule, Posture, Postures } from './model.js';
import { POSTURE_OF } from './model.js';
import { compareRules } from './order.js';

/** Everything that is decided for one container: its rules in the total order, and the postures in force. */
export interface RuleSet {
  readonly rules: readonly BoundRule[];
  /** For an operation that an Allow rule reaching the container speaks of. */
  readonly postures: PosturesInForce;
  /** The same, were policies in audit mode enforced; left out where that makes no difference. */
  readonly permissivePostures?: PosturesInForce;
  /** What is let through is learnt: see src/profile. */
  readonly profiled?: true;
}

export type PosturesInForce = Readonly<Partial<Record<Operation, Posture>>>;

/** Puts the rules of every policy that reaches a container into one decided set. */
export function resolveRules(bound: readonly BoundRule[], postures: Postures): RuleSet {
  const enforced = bound.filter(({ policy }) => policy.mode !== 'audit');
  const rules = withCompanions(bound).sort(compareRules);
  const inForce = posturesInForce(enforced, postures);
  if (enforced.length === bound.length) return { rules, postures: inForce };
  return { rules, postures: inForce, permissivePostures: posturesInForce(bound, postures) };
}

/**
 * Puts beside each rule that allows a name what is needed to ask for it, and beside each that blocks an endpoint what
 * could reach it without being seen.
 */
function withCompanions(bound: readonly BoundRule[]): BoundRule[] {
  return bound.flatMap((each) => {
    const { policy, rule } = each;
    const { match, action } = rule;
    if (match.kind === 'domain' && action === 'Allow')
      return [each, { policy, rule: { ...rule, match: { ...match, asking: true } } }];
    if (match.kind === 'endpoint' && action === 'Block' && match.direction !== 'ingress')
      return [each, { policy, rule: { ...rule, match: { ...match, raw: true } } }];
    return [each];
  });
}

/** Whether a rule is one that withCompanions has put beside another. */
export function isCompanion({ rule: { match } }: BoundRule): boolean {
  return (match.kind === 'domain' && match.asking === true) || (match.kind === 'endpoint' && match.raw === true);
}

function posturesInForce(bound: readonly BoundRule[], postures: Postures): PosturesInForce {
  const inForce: Partial<Record<Operation, Posture>> = {};
  for (const operation of OPERATIONS) {
    const ruleClass = CLASS_OF_OPERATION[operation];
    const postureClass = POSTURE_OF[ruleClass];
    if (postureClass === undefined) continue;
    const isAllowed = bound.some(
      ({ rule }) => rule.class === ruleClass && rule.action === 'Allow' && activates(rule, operation),
    );
    if (isAllowed) inForce[operation] = postures[postureClass];
  }
  return inForce;
}

/**
 * An allow-list of files is one of every operation but mapping, whatever its rules name; of mapping if one names it. Only
 * one of names is an allow-list of questions for them: other network rules speak of sockets alone.
 */
function activates(rule: BoundRule['rule'], operation: Operation): boolean {
  if (operation === 'resolve') return rule.match.kind === 'domain';
  return operation !== 'map' || speaksOf(rule, operation);
}
