import type { Container } from '../containers/container.js';
import type { ContainerChange, ContainerRegistry } from '../control/container-registry.js';
import type { HostStatus } from '../control/host-state.js';
import type { PolicyChange } from '../control/policy-registry.js';
import type { SecurityEvent } from '../events/event.js';
import type { Timestamp } from '../generated/google/protobuf/timestamp.js';
import * as containerProto from '../generated/hauberk/v1/container.js';
import * as eventProto from '../generated/hauberk/v1/event.js';
import type { GetStatusResponse } from '../generated/hauberk/v1/host.js';
import * as policyProto from '../generated/hauberk/v1/policy.js';
import type { Match, Policy, Postures, Rule } from '../policy/model.js';
import { RULE_CLASSES } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { ACTIONS, CLASSES, DIRECTIONS, POSTURES, RESULTS } from './names.js';

/** From the domain to the messages of the API. */

const ORIGINS: Readonly<Record<Container['origin'], containerProto.ContainerOrigin>> = {
  registered: containerProto.ContainerOrigin.REGISTERED,
  docker: containerProto.ContainerOrigin.DOCKER,
};
const POLICY_KINDS: Readonly<Record<PolicyChange['kind'], policyProto.PolicyChange_Kind>> = {
  created: policyProto.PolicyChange_Kind.CREATED,
  updated: policyProto.PolicyChange_Kind.UPDATED,
  unchanged: policyProto.PolicyChange_Kind.UNCHANGED,
  deleted: policyProto.PolicyChange_Kind.DELETED,
};
const CONTAINER_KINDS: Readonly<Record<ContainerChange['kind'], containerProto.ContainerChange_Kind>> = {
  added: containerProto.ContainerChange_Kind.ADDED,
  changed: containerProto.ContainerChange_Kind.CHANGED,
  unchanged: containerProto.ContainerChange_Kind.UNCHANGED,
  removed: containerProto.ContainerChange_Kind.REMOVED,
};

export function toPolicyMessage(policy: Policy, resourceVersion: number): policyProto.Policy {
  return {
    name: policy.name,
    namespace: policy.namespace,
    selector: { matchLabels: { ...policy.matchLabels } },
    rules: policy.rules.map(toRuleMessage),
    resourceVersion: BigInt(resourceVersion),
  };
}

export function toRuleMessage(rule: Rule): policyProto.Rule {
  return {
    id: rule.id,
    class: CLASSES[rule.class],
    match: toMatchMessage(rule.match),
    fromSource: [...rule.sources],
    action: ACTIONS[rule.action],
    readOnly: rule.readOnly,
    ownerOnly: rule.ownerOnly,
    severity: rule.severity,
    tags: [...rule.tags],
    message: rule.message,
  };
}

function toMatchMessage(match: Match): policyProto.Rule['match'] {
  switch (match.kind) {
    case 'exact':
      return { $case: 'path', value: match.path };
    case 'directory':
      return { $case: 'directory', value: { directory: match.directory, recursive: match.recursive } };
    case 'pattern':
      return { $case: 'pattern', value: match.pattern };
    case 'protocol':
      return { $case: 'protocol', value: match.protocol };
    case 'family':
      return { $case: 'family', value: match.family };
    case 'capability':
      return { $case: 'capability', value: match.capability };
    case 'endpoint': {
      const { protocol = '', cidr = '', ports = '', direction } = match;
      const { DIRECTION_UNSPECIFIED } = policyProto.Direction;
      return {
        $case: 'endpoint',
        value: {
          protocol,
          cidr,
          ports,
          direction: direction === undefined ? DIRECTION_UNSPECIFIED : DIRECTIONS[direction],
        },
      };
    }
  }
}

export function toPolicyChangeMessage(change: PolicyChange): policyProto.PolicyChange {
  const { policy, kind, containerIds, warnings, resourceVersion } = change;
  return {
    namespace: policy.namespace,
    name: policy.name,
    kind: POLICY_KINDS[kind],
    containerIds: [...containerIds],
    warnings: [...warnings],
    resourceVersion: BigInt(resourceVersion),
  };
}

export function toContainerChangeMessage({ container, kind }: ContainerChange): containerProto.ContainerChange {
  return { id: container.id, kind: CONTAINER_KINDS[kind] };
}

export function toContainerMessage(
  container: Container,
  registry: Pick<ContainerRegistry, 'policyKeysOf' | 'imageGenerationOf'>,
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
    generation: registry.imageGenerationOf(container),
  };
}

export function toEffectiveRules({ rules }: RuleSet): containerProto.EffectiveRule[] {
  return rules.map(({ policy, rule }) => ({
    policyNamespace: policy.namespace,
    policy: policy.name,
    rule: toRuleMessage(rule),
  }));
}

/** A class that is absent has no posture. */
export function toPostureMessages(postures: Partial<Postures>): policyProto.Posture[] {
  return RULE_CLASSES.flatMap((ruleClass) => {
    const posture = postures[ruleClass];
    return posture === undefined ? [] : [{ class: CLASSES[ruleClass], action: POSTURES[posture] }];
  });
}

export function toEventMessage(event: SecurityEvent): eventProto.Event {
  return {
    time: fromNanoseconds(event.time),
    containerId: event.containerId,
    containerName: event.containerName,
    namespace: event.namespace,
    // Not copied: a message is only written out.
    labels: event.labels as Record<string, string>,
    policy: event.policy,
    policyNamespace: event.policyNamespace,
    rule: event.rule,
    severity: event.severity,
    tags: event.tags as string[],
    message: event.message,
    class: event.class === undefined ? policyProto.AccessClass.ACCESS_CLASS_UNSPECIFIED : CLASSES[event.class],
    operation: event.operation,
    object: event.object,
    action: event.action === undefined ? policyProto.Action.ACTION_UNSPECIFIED : ACTIONS[event.action],
    result: event.result === undefined ? eventProto.Result.RESULT_UNSPECIFIED : RESULTS[event.result],
    program: event.program,
    parentProgram: event.parentProgram,
    pid: event.pid,
    hostPid: event.hostPid,
    ppid: event.parentPid,
    hostPpid: event.hostParentPid,
    uid: event.uid,
    comm: event.comm,
    generation: event.generation,
    heldBack: BigInt(event.heldBack),
  };
}

export function toStatusMessage(status: HostStatus): GetStatusResponse {
  return {
    ...status,
    securityModules: [...status.securityModules],
    programs: [...status.programs],
    generation: BigInt(status.generation),
    enforcedGeneration: BigInt(status.enforcedGeneration),
    started: fromNanoseconds(BigInt(status.started.getTime()) * 1_000_000n),
  };
}

function fromNanoseconds(time: bigint): Timestamp {
  return { seconds: time / 1_000_000_000n, nanos: Number(time % 1_000_000_000n) };
}
