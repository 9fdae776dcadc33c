import { finish, type Steps } from '../steps.js';
import { CLASS_OF_OPERATION, covers, OPERATIONS, type Operation } from './effect.js';
import type { BoundRule, Posture, Postures } from './model.js';
import { POSTURE_OF } from './model.js';
import { compareRules, isForLocal } from './precedence.js';
import { sortInSteps } from './sort-in-steps.js';
import type { Visibility } from './visibility.js';

/** Everything that is decided for one container: its rules in the total order, and the postures in force. */
export interface RuleSet {
  readonly rules: readonly BoundRule[];
  /** For an operation that an Allow rule reaching the container covers. */
  readonly postures: PosturesInForce;
  /** The same, were policies in audit mode enforced; left out where that makes no difference. */
  readonly permissivePostures?: PosturesInForce;
  /** Allowed accesses are learnt: see src/profile. */
  readonly profiled?: true;
  /** Allowed accesses of these classes are reported; left out if of none. */
  readonly visible?: Visibility;
}

export type PosturesInForce = Readonly<Partial<Record<Operation, Posture>>>;

/**
 * Puts the rules of every policy that reaches a container into one ordered set.
 *
 * @param isKept whether a rule decides itself; the others only activate postures
 */
export function resolveRules(
  bound: readonly BoundRule[],
  postures: Postures,
  isKept: (rule: BoundRule) => boolean = () => true,
): RuleSet {
  return finish(resolveInSteps(bound, postures, isKept));
}

/** The same, so that other work can run between its steps. */
export function* resolveInSteps(
  bound: readonly BoundRule[],
  postures: Postures,
  isKept: (rule: BoundRule) => boolean = () => true,
): Steps<RuleSet> {
  const enforced = bound.filter(({ policy }) => policy.mode !== 'audit');
  const kept = withCompanions(bound.filter(isKept));
  yield;
  const rules = yield* sortInSteps([...kept, ...localSockets(enforced, bound)], compareRules);
  const inForce = yield* posturesInForce(enforced, postures);
  if (enforced.length === bound.length) return { rules, postures: inForce };
  return { rules, postures: inForce, permissivePostures: yield* posturesInForce(bound, postures) };
}

/**
 * Adds to each rule that allows a name what is needed to look it up, and to each that blocks an endpoint the sockets
 * that could reach it without being checked.
 */
function withCompanions(bound: readonly BoundRule[]): BoundRule[] {
  return bound.flatMap((each) => {
    const { policy, rule } = each;
    const { match, action } = rule;
    if (match.kind === 'domain' && action === 'Allow')
      return [each, { policy, rule: { ...rule, match: { ...match, lookup: true } } }];
    if (match.kind === 'endpoint' && action === 'Block' && match.direction !== 'ingress')
      return [each, { policy, rule: { ...rule, match: { ...match, raw: true } } }];
    return [each];
  });
}

/** Families of sockets that never leave the host: the C library and servers always need them. */
export const LOCAL_FAMILIES = ['unix', 'netlink'] as const;

/**
 * Allows local sockets where an allow-list for the internet activates the network posture. A rule that covers families
 * puts all families under the posture.
 */
function localSockets(enforced: readonly BoundRule[], bound: readonly BoundRule[]): BoundRule[] {
  const calling = isOpenToLocal(enforced) ?? isOpenToLocal(bound);
  if (calling === undefined) return [];
  const { id: _, match: __, sources: ___, ...rule } = calling.rule;
  return LOCAL_FAMILIES.map((family) => ({
    policy: calling.policy,
    rule: { ...rule, id: `network.local.${family}`, match: { kind: 'family', family, local: true }, sources: [] },
  }));
}

/** The rule that activates the network posture, where no rule covers families. */
function isOpenToLocal(bound: readonly BoundRule[]): BoundRule | undefined {
  const network = bound.filter(({ rule }) => rule.class === 'network');
  if (network.some(coversFamilies)) return undefined;
  // The first in the rules' own order, whatever the order of arrival.
  return network.filter(({ rule }) => rule.action === 'Allow').sort(compareRules)[0];
}

/** Whether a rule was written about a family of sockets. */
export function coversFamilies({ rule }: BoundRule): boolean {
  return rule.match.kind === 'family' && !isForLocal(rule.match);
}

/** Whether a rule is implied, not written in a policy: for DNS questions, suffixes of names, raw or local sockets. */
export function isImplied({ rule: { match } }: BoundRule): boolean {
  if (match.kind === 'family') return isForLocal(match);
  if (match.kind === 'endpoint') return match.raw === true;
  return match.kind === 'domain' && (match.lookup === true || match.searched === true);
}

function* posturesInForce(bound: readonly BoundRule[], postures: Postures): Steps<PosturesInForce> {
  const inForce: Partial<Record<Operation, Posture>> = {};
  for (const operation of OPERATIONS) {
    const ruleClass = CLASS_OF_OPERATION[operation];
    const postureClass = POSTURE_OF[ruleClass];
    if (postureClass === undefined) continue;
    const isAllowed = bound.some(
      ({ rule }) => rule.class === ruleClass && rule.action === 'Allow' && activates(rule, operation),
    );
    if (isAllowed) inForce[operation] = postures[postureClass];
    yield;
  }
  return inForce;
}

/**
 * Allow rules for files activate the posture for every operation except mapping, whatever operations they name, and for
 * mapping if one names it. Only Allow rules for names activate it for DNS questions: other network rules cover sockets
 * alone.
 */
function activates(rule: BoundRule['rule'], operation: Operation): boolean {
  if (operation === 'resolve') return rule.match.kind === 'domain';
  return operation !== 'map' || covers(rule, operation);
}
