import type { Container } from '../containers/container.js';
import { belowSuffixes, type NameSearch, searchSuffixes } from '../policy/cluster-names.js';
import { withFoldedNames } from '../policy/folding.js';
import { followLinks } from '../policy/links.js';
import { type BoundRule, type Policy, type Postures, policyKey } from '../policy/model.js';
import { overridden } from '../policy/override.js';
import { type RuleSet, resolveInSteps } from '../policy/rule-set.js';
import { NOTHING_VISIBLE, type Visibility } from '../policy/visibility.js';
import { runningProfileOf } from '../profile/profile.js';
import type { Steps } from '../steps.js';
import type { DesiredState } from './desired-state.js';
import { posturesIn } from './namespace-postures.js';
import { configuredVisibility, type VisibilitySubject } from './visibility.js';

/** The part of a desired state that determines which rules a container with given labels is under. */
export type Decisions = Pick<DesiredState, 'policies' | 'postures' | 'profiles' | 'visibility'>;

/** What an operator can choose about the meaning of policies. */
export interface PolicySettings extends NameSearch {
  /** Programs that no rule names get the posture of files, as in KubeArmor. */
  readonly filePostureForProcesses?: boolean;
  /** Which accesses are reported unless set otherwise; none by default. */
  readonly visibility?: Visibility;
}

/** What the daemon was started with, as far as it decides. */
export interface ResolutionSettings extends PolicySettings {
  /** Of namespaces that have none of their own. */
  readonly postures: Postures;
}

/** A container as policies see it. */
export type PolicySubject = Pick<
  Container,
  | 'namespace'
  | 'labels'
  | 'links'
  | 'laterLinks'
  | 'sharedPrograms'
  | 'foldedPlaces'
  | 'isHost'
  | 'policyOverride'
  | 'visibility'
> &
  Partial<Pick<Container, 'id' | 'name'>>;

const NOTHING: ReadonlySet<string> = new Set();

/** The rules that decide for a subject, links of its root followed, except those of policies left out. */
export function* ruleSetInSteps(
  subject: PolicySubject,
  decisions: Decisions,
  settings: ResolutionSettings,
  leftOut: ReadonlySet<string> = NOTHING,
): Steps<RuleSet> {
  const { policies, profiles } = decisions;
  const bound = overridden(policies.boundRulesFor(subject), subject.policyOverride?.mode);
  yield;
  const named = belowSuffixes(bound, searchSuffixes(subject.namespace, settings));
  yield;
  const { links, laterLinks: later = {}, sharedPrograms: shared = [] } = subject;
  const followed = followLinks(named, links, { later, shared });
  yield;
  const rules = withFoldedNames(followed, subject.foldedPlaces ?? []);
  yield;
  const inForce = posturesFor(subject.namespace, decisions, settings);
  // Default deny stays in force even without the Allow rule that activated it.
  const isKept = ({ policy }: BoundRule) => leftOut.size === 0 || !leftOut.has(policyKey(policy));
  const ruleSet = yield* resolveInSteps(rules, inForce, isKept);
  const visible = visibilityOf(subject, decisions, settings);
  return {
    ...ruleSet,
    ...(runningProfileOf(subject, profiles) !== undefined && { profiled: true }),
    ...(visible.length > 0 && { visible }),
  };
}

/** Equal for containers that are decided alike under the same policies. */
export function likenessOf(container: Container, { policies, profiles, visibility }: Decisions): string {
  return JSON.stringify([
    container.isHost === true,
    container.namespace,
    container.policyOverride?.mode,
    policies.keysReaching(container),
    runningProfileOf(container, profiles) !== undefined,
    configuredVisibility(container, visibility),
    [container.links, container.laterLinks ?? {}].map((links) => Object.entries(links).sort()),
    container.sharedPrograms,
    container.foldedPlaces,
  ]);
}

/** The rules of one policy, as if it were the only one. */
export function ruleSetOfPolicyInSteps(
  policy: Policy,
  { postures }: Pick<ResolutionSettings, 'postures'>,
): Steps<RuleSet> {
  return resolveInSteps(
    policy.rules.map((rule) => ({ policy, rule })),
    postures,
  );
}

/** What is done in a namespace where no rule names an access. */
export function posturesFor(
  namespace: string,
  { postures }: Pick<DesiredState, 'postures'>,
  settings: Pick<ResolutionSettings, 'postures' | 'filePostureForProcesses'>,
): Postures {
  const own = { ...settings.postures, ...posturesIn(postures, namespace) };
  return settings.filePostureForProcesses ? { ...own, process: own.file } : own;
}

/** The classes of which allowed accesses of a container are reported. */
export function visibilityOf(
  container: VisibilitySubject,
  { visibility }: Pick<DesiredState, 'visibility'>,
  settings: Pick<ResolutionSettings, 'visibility'>,
): Visibility {
  if (container.isHost) return NOTHING_VISIBLE;
  return configuredVisibility(container, visibility) ?? settings.visibility ?? NOTHING_VISIBLE;
}

/** Every container and, if a policy reaches it, the host. */
export function* subjectsOf(
  { containers, policies }: Pick<DesiredState, 'containers' | 'policies'>,
  host: Container | undefined,
): Generator<Container> {
  yield* containers.values();
  if (host !== undefined && policies.reaching(host).length > 0) yield host;
}
