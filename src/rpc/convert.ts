import { type Container, describeOverride, type Protection } from '../containers/container.js';
import type { ContainerChange, ContainerRegistry } from '../control/container-registry.js';
import type { HostStatus } from '../control/host-state.js';
import type { SourceStatus, UnprotectedContainer } from '../control/protection.js';
import * as containerProto from '../generated/hauberk/v1/container.js';
import * as hostProto from '../generated/hauberk/v1/host.js';
import type * as policyProto from '../generated/hauberk/v1/policy.js';
import { type MissingCause, type MissingHook, notCovered, whatIsMissing } from '../kernel/missing-hooks.js';
import { CLASS_OF_OPERATION, type Operation } from '../policy/effect.js';
import { type BoundRule, originOf, POSTURE_CLASSES, type Posture, type Postures } from '../policy/model.js';
import { isImplied, type RuleSet } from '../policy/rule-set.js';
import { CLASSES, POLICY_ORIGINS, POSTURES, SCOPES } from './names.js';
import { fromMilliseconds, toMode, toRuleMessage } from './policy-output.js';

/** From the domain to the messages of the API. */

const ORIGINS: Readonly<Record<Container['origin'], containerProto.ContainerOrigin>> = {
  registered: containerProto.ContainerOrigin.REGISTERED,
  docker: containerProto.ContainerOrigin.DOCKER,
  cri: containerProto.ContainerOrigin.CRI,
  podman: containerProto.ContainerOrigin.PODMAN,
  host: containerProto.ContainerOrigin.HOST,
};
const PROTECTED_BY: Readonly<Record<Protection['by'], containerProto.ProtectedBy>> = {
  hook: containerProto.ProtectedBy.HOOK,
  event: containerProto.ProtectedBy.EVENT,
  registered: containerProto.ProtectedBy.REGISTRATION,
};
const CONTAINER_KINDS: Readonly<Record<ContainerChange['kind'], containerProto.ContainerChange_Kind>> = {
  added: containerProto.ContainerChange_Kind.ADDED,
  changed: containerProto.ContainerChange_Kind.CHANGED,
  unchanged: containerProto.ContainerChange_Kind.UNCHANGED,
  removed: containerProto.ContainerChange_Kind.REMOVED,
};

export function toContainerChangeMessage({ container, kind }: ContainerChange): containerProto.ContainerChange {
  return { id: container.id, kind: CONTAINER_KINDS[kind] };
}

export function toContainerMessage(
  container: Container,
  registry: Pick<ContainerRegistry, 'policyKeysOf' | 'imageIdOf' | 'leftOutOf'>,
): containerProto.Container {
  return {
    id: container.id,
    name: container.name,
    namespace: container.namespace,
    labels: { ...container.labels },
    namespaces: { ...container.namespaces },
    pid: container.process?.pid ?? 0,
    origin: ORIGINS[container.origin],
    policies: [...registry.policyKeysOf(container)],
    imageId: registry.imageIdOf(container),
    protection: toProtectionMessage(container, registry.leftOutOf(container.id)),
  };
}

/** A known container that is not protected. */
export function toUnprotectedMessage({ description, reason, since }: UnprotectedContainer): containerProto.Container {
  return {
    id: description.id,
    name: description.name,
    namespace: description.namespace,
    labels: { ...description.labels },
    namespaces: undefined,
    pid: 0,
    origin: ORIGINS[description.origin],
    policies: [],
    imageId: 0,
    protection: {
      protected: false,
      since: fromMilliseconds(since),
      by: containerProto.ProtectedBy.UNSPECIFIED,
      reason,
      leftOutPolicies: [],
    },
  };
}

function toProtectionMessage(container: Container, leftOut: readonly string[]): containerProto.Protection {
  const { protection, policyOverride: override } = container;
  const reasons = [
    ...(override === undefined ? [] : [`its pod has its policies ${describeOverride(override)}`]),
    ...(leftOut.length === 0 ? [] : ['its policies do not compile together within the limits of the kernel']),
  ];
  return {
    protected: override?.mode !== 'disabled',
    since: protection === undefined ? undefined : fromMilliseconds(protection.since),
    by: protection === undefined ? containerProto.ProtectedBy.UNSPECIFIED : PROTECTED_BY[protection.by],
    reason: reasons.join('; '),
    leftOutPolicies: [...leftOut],
  };
}

/** The rules of a container without the implied ones. */
export function writtenRules({ rules }: RuleSet): BoundRule[] {
  return rules.filter((bound) => !isImplied(bound));
}

export function toEffectiveRule({ policy, rule }: BoundRule): containerProto.EffectiveRule {
  return {
    policyNamespace: policy.namespace,
    policy: policy.name,
    rule: toRuleMessage(rule),
    mode: toMode(policy),
    scope: SCOPES[policy.scope ?? 'namespace'],
    priority: policy.priority ?? 0,
    origin: POLICY_ORIGINS[originOf(policy)],
  };
}

/** A class that is absent has no posture. */
export function toPostureMessages(postures: Partial<Postures>): policyProto.Posture[] {
  return POSTURE_CLASSES.flatMap((ruleClass) => {
    const posture = postures[ruleClass];
    return posture === undefined ? [] : [{ class: CLASSES[ruleClass], action: POSTURES[posture] }];
  });
}

/** By class, what an effective policy does with accesses that no rule matches, and what it only reports of them. */
export function toEffectivePostures({ postures, permissivePostures = {} }: RuleSet) {
  const reported = Object.entries(permissivePostures).filter(([operation]) => !(operation in postures));
  return {
    postures: toPostureMessages(byClass(Object.entries(postures))),
    permissivePostures: toPostureMessages(byClass(reported)),
  };
}

function byClass(postures: readonly (readonly [operation: string, posture: Posture])[]): Partial<Postures> {
  return Object.fromEntries(
    postures.map(([operation, posture]) => [CLASS_OF_OPERATION[operation as Operation], posture]),
  );
}

export function toStatusMessage({
  unprotected,
  leftOut,
  storeProblem: _,
  ...status
}: HostStatus): hostProto.GetStatusResponse {
  return {
    ...status,
    sources: status.sources.map(toSourceStatusMessage),
    warnings: [...status.warnings],
    unprotectedContainers: unprotected.length + leftOut.size,
    securityModules: [...status.securityModules],
    programs: [...status.programs],
    missingHooks: status.missingHooks.map(toMissingHookMessage),
    revision: BigInt(status.revision),
    enforcedRevision: BigInt(status.enforcedRevision),
    started: fromMilliseconds(status.started.getTime()),
  };
}

const MISSING_CAUSES: Readonly<Record<MissingCause, hostProto.MissingHookCause>> = {
  absent: hostProto.MissingHookCause.ABSENT,
  not_loaded: hostProto.MissingHookCause.NOT_LOADED,
  not_attached: hostProto.MissingHookCause.NOT_ATTACHED,
};

function toMissingHookMessage(missing: MissingHook): hostProto.MissingHook {
  return {
    ...missing,
    what: whatIsMissing(missing),
    notCovered: notCovered(missing).map((each) => ({ ...each, class: CLASSES[each.class] })),
    cause: MISSING_CAUSES[missing.cause],
  };
}

const WHEN_UNANSWERED = {
  refused: hostProto.WhenUnanswered.REFUSED,
  allowed: hostProto.WhenUnanswered.ALLOWED,
} as const;

function toSourceStatusMessage({ whenUnanswered, ...source }: SourceStatus): hostProto.SourceStatus {
  const when = whenUnanswered === undefined ? hostProto.WhenUnanswered.UNSPECIFIED : WHEN_UNANSWERED[whenUnanswered];
  return { ...source, whenUnanswered: when };
}
