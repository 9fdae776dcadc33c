import { CLASS_OF_OPERATION } from '../policy/effect.js';
import type { Action, BoundRule, PostureClass, Postures, RuleClass } from '../policy/model.js';
import { ADDRESS_FAMILIES } from '../policy/network.js';
import { isForLocal } from '../policy/precedence.js';
import { finish, isStep, type Steps } from '../steps.js';
import type { Access, AccessObject } from './access.js';
import { isEndpoint, isNamed } from './kinds/remote-ends.js';
import { coversObject, isSource } from './match.js';
import { type Advantage, comparePrecedence } from './precedence.js';

/** The default posture of a class, as what decides an access. */
export interface PostureDecider {
  readonly postureOf: RuleClass;
  /** `audit` if only a policy in audit mode has activated the posture. */
  readonly mode: 'enforce' | 'audit';
}

export type Decider = BoundRule | PostureDecider;

/** A rule that covers the object and did not decide. */
export interface Loser {
  readonly rule: BoundRule;
  readonly reason: string;
  /** Whether it would have decided, had no other come first. */
  readonly applies: boolean;
}

export interface Explanation {
  readonly action: Action;
  /** A policy in audit mode decided, and would have refused. */
  readonly wouldBlock: boolean;
  /** Undefined where neither a rule nor a posture covers the access. */
  readonly decider: Decider | undefined;
  /** Why the decider came before the first of the losers that would have decided otherwise; empty without one. */
  readonly losers: readonly Loser[];
}

/**
 * The decision about an access, worked out rule by rule from the definition of the language. The image compiler does
 * not use it; the two are tested against each other.
 */
export function explain(all: readonly BoundRule[], postures: Postures, access: Access): Explanation {
  return finish(explainInSteps(all, postures, access));
}

/** The same, so that other work can run between its steps: there may be thousands of rules. */
export function* explainInSteps(all: readonly BoundRule[], postures: Postures, access: Access): Steps<Explanation> {
  const ofClass: BoundRule[] = [];
  const covering: BoundRule[] = [];
  for (const [place, bound] of all.entries()) {
    if (isStep(place)) yield;
    const { match } = bound.rule;
    if ((match.kind === 'domain' && match.lookup) || (match.kind === 'endpoint' && match.raw) || isForLocal(match))
      continue;
    if (!isOfClass(bound, access)) continue;
    ofClass.push(bound);
    if (coversObject(bound.rule, access.object)) covering.push(bound);
  }
  const isEnforced = ({ policy }: BoundRule) => policy.mode !== 'audit';
  yield;
  const enforced = settle(covering.filter(isEnforced), ofClass.filter(isEnforced), postures, access, 'enforce');
  yield;
  const permissive = settle(covering, ofClass, postures, access, 'audit');
  const takesPermissive = STRENGTH.indexOf(permissive.action) > STRENGTH.indexOf(enforced.action);
  const { action: strongest, decider } = takesPermissive ? permissive : enforced;
  // Only the deciding rule's arguments matter: it was found without looking at arguments.
  const action = letsThroughByArguments(decider, access) ? 'Allow' : strongest;
  const wouldBlock = takesPermissive && action === 'Block';
  const losers: Loser[] = [];
  for (const [place, rule] of covering.entries()) {
    if (isStep(place)) yield;
    if (rule === decider) continue;
    losers.push({ rule, reason: reasonOfLoss(rule, decider, access), applies: isCandidate(rule, access) });
  }
  return {
    action: wouldBlock ? 'Audit' : action,
    wouldBlock,
    decider,
    losers,
  };
}

const STRENGTH: readonly Action[] = ['Allow', 'Audit', 'Block'];

interface Settlement {
  readonly action: Action;
  readonly decider: Decider | undefined;
}

/**
 * @param speaking the rules that cover the object
 * @param ofClass all rules of its class
 */
function settle(
  covering: readonly BoundRule[],
  ofClass: readonly BoundRule[],
  postures: Postures,
  access: Access,
  mode: 'enforce' | 'audit',
): Settlement {
  const [first, ...others] = covering.filter((bound) => isCandidate(bound, access));
  if (first === undefined) return settleByPosture(ofClass, postures, access, mode);
  const decider = others.reduce((best, each) => (compareFor(access, each, best).sign < 0 ? each : best), first);
  return { action: answerOf(decider, access)!, decider };
}

function settleByPosture(
  ofClass: readonly BoundRule[],
  postures: Postures,
  { operation, object }: Access,
  mode: 'enforce' | 'audit',
): Settlement {
  const postureOf = CLASS_OF_OPERATION[operation];
  const postureClass: PostureClass | undefined = postureOf === 'filesystems' ? 'file' : asPostureClass(postureOf);
  const isAllowList = ofClass.some(
    ({ rule }) =>
      rule.action === 'Allow' &&
      (operation !== 'resolve' || rule.match.kind === 'domain') &&
      (operation !== 'map' || rule.operations?.includes('map') === true),
  );
  if (postureClass === undefined || !isAllowList) return { action: 'Allow', decider: undefined };
  if (isLocalSocket(object) && !ofClass.some(({ rule }) => rule.match.kind === 'family'))
    return { action: 'Allow', decider: undefined };
  return { action: postures[postureClass] === 'audit' ? 'Audit' : 'Block', decider: { postureOf, mode } };
}

/** Sockets that stand outside the network posture, unless a rule covers families. */
function isLocalSocket(object: AccessObject): boolean {
  const { unix, netlink } = ADDRESS_FAMILIES;
  return object.kind === 'socket' && (object.family === unix || object.family === netlink);
}

function asPostureClass(ruleClass: RuleClass): PostureClass | undefined {
  const classes: readonly string[] = ['process', 'file', 'network', 'capabilities'];
  return classes.includes(ruleClass) ? (ruleClass as PostureClass) : undefined;
}

function isOfClass({ rule }: BoundRule, { operation }: Access): boolean {
  return rule.class === CLASS_OF_OPERATION[operation];
}

/** Whether a rule that covers the object decides about the access. */
function isCandidate(bound: BoundRule, access: Access): boolean {
  return isForActor(bound, access) && answerOf(bound, access) !== undefined;
}

/** Whether a rule holds for the acting program or, if it is about programs, for its parent. */
function isForActor(bound: BoundRule, { operation, program, parent }: Access): boolean {
  return isSource(bound, program) || (operation === 'execute' && parent !== undefined && isSource(bound, parent));
}

/** What a rule decides about an access to an object that it covers, whatever the arguments; undefined for nothing. */
function answerOf({ rule }: BoundRule, access: Access): Action | undefined {
  const { operation, ownership, terminal } = access;
  const refusal: Action = rule.action === 'Audit' ? 'Audit' : 'Block';
  if (rule.terminal && !terminal) return undefined;
  if (rule.class === 'file') {
    const isNamed = rule.operations?.some((each) => each === operation) ?? operation !== 'map';
    if (!isNamed) return undefined;
  }
  if (rule.ownerOnly && ownership === 'other') return refusal;
  if (rule.readOnly) {
    if (operation === 'read') return 'Allow';
    return rule.action === 'Allow' ? undefined : rule.action;
  }
  if (rule.arguments !== undefined) return refusal;
  return rule.ownerOnly ? 'Allow' : rule.action;
}

function compareFor({ object }: Access, first: BoundRule, second: BoundRule): Advantage {
  return comparePrecedence(asTaken(first, object), asTaken(second, object));
}

/**
 * A rule as it applies to an object: a rule that allows a name comes after others if there is no name yet, and one that
 * blocks an endpoint comes after rules that cover raw sockets.
 */
function asTaken(bound: BoundRule, object: AccessObject): BoundRule {
  const { policy, rule } = bound;
  if (rule.match.kind === 'endpoint' && object.kind === 'socket' && !isEndpoint(rule.match, rule.action, object))
    return { policy, rule: { ...rule, match: { ...rule.match, raw: true } } };
  if (rule.match.kind !== 'domain' || object.kind !== 'socket' || isNamed(rule.match, object)) return bound;
  return { policy, rule: { ...rule, match: { ...rule.match, lookup: true } } };
}

function letsThroughByArguments(decider: Decider | undefined, access: Access): boolean {
  if (decider === undefined || 'postureOf' in decider || decider.rule.arguments === undefined) return false;
  if (decider.rule.ownerOnly && access.ownership === 'other') return false;
  const allowed = decider.rule.arguments.map((argument) => Buffer.from(argument));
  return access.arguments.every((given) => allowed.some((each) => each.equals(given)));
}

function reasonOfLoss(loser: BoundRule, decider: Decider | undefined, access: Access): string {
  if (!isForActor(loser, access)) {
    const children = access.operation === 'execute' ? ', or what it has forked' : '';
    return `it is for ${loser.rule.sources.join(', ')} only${children}`;
  }
  if (loser.rule.terminal && !access.terminal) return 'it is for processes with a terminal only';
  if (answerOf(loser, access) === undefined) return `it says nothing of ${access.operation}`;
  if (loser.policy.mode === 'audit') return 'its policy is in audit mode';
  if (decider === undefined || 'postureOf' in decider) return 'it would not refuse';
  return `the other comes first: ${compareFor(access, decider, loser).reason}`;
}
