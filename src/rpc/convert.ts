import type { Container } from '../containers/container.js';
import type { AppliedPolicy, ControlPlane, HostStatus } from '../control/control-plane.js';
import type { SecurityEvent } from '../events/event.js';
import type { Timestamp } from '../generated/google/protobuf/timestamp.js';
import * as containerProto from '../generated/hauberk/v1/container.js';
import * as eventProto from '../generated/hauberk/v1/event.js';
import type { GetStatusResponse } from '../generated/hauberk/v1/host.js';
import * as policyProto from '../generated/hauberk/v1/policy.js';
import type { Action, PathMatch, Policy, Posture, Rule, RuleClass } from '../policy/model.js';
import { RULE_CLASSES } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';

/** From the domain to the messages of the API. */

const CLASSES: Readonly<Record<RuleClass, policyProto.AccessClass>> = {
  process: policyProto.AccessClass.PROCESS,
  file: policyProto.AccessClass.FILE,
};
const ACTIONS: Readonly<Record<Action, policyProto.Action>> = {
  Allow: policyProto.Action.ALLOW,
  Audit: policyProto.Action.AUDIT,
  Block: policyProto.Action.BLOCK,
};
const POSTURES: Readonly<Record<Posture, policyProto.Action>> = {
  audit: policyProto.Action.AUDIT,
  block: policyProto.Action.BLOCK,
};
const RESULTS: Readonly<Record<SecurityEvent['result'], eventProto.Result>> = {
  denied: eventProto.Result.DENIED,
  passed: eventProto.Result.PASSED,
};
const ORIGINS: Readonly<Record<Container['origin'], containerProto.ContainerOrigin>> = {
  registered: containerProto.ContainerOrigin.REGISTERED,
  docker: containerProto.ContainerOrigin.DOCKER,
};
const KINDS: Readonly<Record<AppliedPolicy['kind'], policyProto.PolicyChange_Kind>> = {
  created: policyProto.PolicyChange_Kind.CREATED,
  updated: policyProto.PolicyChange_Kind.UPDATED,
  unchanged: policyProto.PolicyChange_Kind.UNCHANGED,
};

export function toPolicyMessage(policy: Policy): policyProto.Policy {
  return {
    name: policy.name,
    namespace: policy.namespace,
    selector: { matchLabels: { ...policy.matchLabels } },
    rules: policy.rules.map(toRuleMessage),
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

function toMatchMessage(match: PathMatch): policyProto.Rule['match'] {
  switch (match.kind) {
    case 'exact':
      return { $case: 'path', value: match.path };
    case 'directory':
      return { $case: 'directory', value: { directory: match.directory, recursive: match.recursive } };
    case 'pattern':
      return { $case: 'pattern', value: match.pattern };
  }
}

export function toChangeMessage({ policy, kind, containerIds, warnings }: AppliedPolicy): policyProto.PolicyChange {
  return {
    namespace: policy.namespace,
    name: policy.name,
    kind: KINDS[kind],
    containerIds: [...containerIds],
    warnings: [...warnings],
  };
}

export function toContainerMessage(
  container: Container,
  plane: Pick<ControlPlane, 'policyKeysOf' | 'generationOf'>,
): containerProto.Container {
  return {
    id: container.id,
    name: container.name,
    namespace: container.namespace,
    labels: { ...container.labels },
    namespaces: { ...container.namespaces },
    pid: container.process?.pid ?? 0,
    origin: ORIGINS[container.origin],
    policies: [...plane.policyKeysOf(container)],
    generation: plane.generationOf(container),
  };
}

export function toEffectiveRules({ rules }: RuleSet): containerProto.EffectiveRule[] {
  return rules.map(({ policy, rule }) => ({
    policyNamespace: policy.namespace,
    policy: policy.name,
    rule: toRuleMessage(rule),
  }));
}

export function toEffectivePostures({ postures }: RuleSet): containerProto.EffectivePosture[] {
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
    class: CLASSES[event.class],
    operation: event.operation,
    object: event.object,
    action: ACTIONS[event.action],
    result: RESULTS[event.result],
    program: event.program,
    parentProgram: event.parentProgram,
    pid: event.pid,
    hostPid: event.hostPid,
    ppid: event.parentPid,
    hostPpid: event.hostParentPid,
    uid: event.uid,
    comm: event.comm,
    generation: event.generation,
  };
}

export function toStatusMessage(status: HostStatus): GetStatusResponse {
  return {
    ...status,
    securityModules: [...status.securityModules],
    programs: [...status.programs],
    started: fromNanoseconds(BigInt(status.started.getTime()) * 1_000_000n),
  };
}

function fromNanoseconds(time: bigint): Timestamp {
  return { seconds: time / 1_000_000_000n, nanos: Number(time % 1_000_000_000n) };
}
