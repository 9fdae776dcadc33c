import { type Container, describeOverride } from '../containers/container.js';
import { describeObject } from '../image/describe-object.js';
import { RULE_NONE, VERDICT_ACTIONS } from '../image/layout.js';
import { readObjectKey } from '../image/read-object-key.js';
import { type EventRecord, FLAGS } from '../kernel/event-record.js';
import type { DetailsLookup } from './details.js';
import type { SecurityEvent } from './event.js';
import { DEFAULT_POSTURE, FAIL_CLOSED, type RuleDescription, SELF_PROTECTION } from './rule-description.js';

/** Looks up the numbers of an event. */
export interface EventContext {
  containerOf(record: EventRecord): Container | undefined;
  ruleOf(imageId: number, rule: number): RuleDescription | undefined;
  /** Looks up details of a process; left out if there are to be none. */
  readonly details?: DetailsLookup;
  /** Nanoseconds to add to CLOCK_MONOTONIC for the time since the Unix epoch. */
  readonly clockOffset: bigint;
}

const FAIL_CLOSED_MESSAGES: Readonly<Record<EventRecord['pathResult'], string>> = {
  resolved: 'the policy image is damaged',
  'too-long': 'the path is longer than 4096 bytes',
  unreachable: 'the path leads to no root of a mount namespace',
  unstable: 'renames kept changing the path while it was read',
  unavailable: 'the acting program could not be determined',
  routed: 'the sender chooses the route, or further addresses, which are not checked',
  unreadable: 'what is sent to port 53 is not a readable DNS question',
  protected: "only hauberkd may reach Hauberk's own objects",
};

/** By operation: what is reported about a program that the rule names as its source. */
const OF_SOURCE_MESSAGES: Readonly<Partial<Record<string, string>>> = {
  trace: 'a process that traces this program could act as the source of the rule',
  exec: 'the program was started under the control of another one, so no Allow rule holds for it',
  map: "the loader was led to a file that is not from the container's image, so no Allow rule holds for the program",
};

/** Turns a record's numbers into names. Nothing is guessed: what is not known stays empty. */
export function describeRecord(record: EventRecord, context: EventContext): SecurityEvent {
  const container = context.containerOf(record);
  const ruleClass = record.class;
  const isUnruled = record.rule === RULE_NONE;
  const refusal = record.action === 0 ? undefined : failClosed(record, ruleClass);
  const isToldOfSource = isUnruled && (record.flags & FLAGS.ofSource) !== 0;
  // Self-protection reports a name.
  const decoded = record.pathResult === 'protected' ? undefined : readObjectKey(record.object);
  const rule = isToldOfSource ? undefined : isUnruled ? refusal : decidingRule(record, context);
  return {
    time: record.time + context.clockOffset,
    containerId: container?.id ?? '',
    containerName: container?.name ?? '',
    namespace: container?.namespace ?? '',
    labels: container?.labels ?? {},
    policy: rule?.policy ?? '',
    policyNamespace: rule?.policyNamespace ?? '',
    ...(rule?.policyOrigin !== undefined && { policyOrigin: rule.policyOrigin }),
    rule: rule?.rule ?? '',
    severity: rule?.severity ?? 0,
    tags: rule?.tags ?? [],
    message: rule?.message ?? (isToldOfSource ? (OF_SOURCE_MESSAGES[record.operation] ?? '') : ''),
    class: ruleClass,
    operation: record.operation,
    object: decoded === undefined ? record.object : describeObject(decoded),
    decoded,
    action: VERDICT_ACTIONS[record.action] ?? 'Block',
    result: record.action === 2 ? 'denied' : 'passed',
    wouldBlock: record.action !== 2 && (rule?.wouldBlock ?? false),
    ...(container?.policyOverride && { policyOverride: describeOverride(container.policyOverride) }),
    ...(rule?.ownerRule !== undefined && { ownerRule: rule.ownerRule }),
    program: record.program,
    parentProgram: context.details?.parentOf(record) ?? record.parentProgram,
    pid: record.pid,
    hostPid: record.hostPid,
    parentPid: record.parentPid,
    hostParentPid: record.hostParentPid,
    uid: record.uid,
    comm: record.comm,
    imageId: record.imageId,
    suppressed: 0,
    ...(context.details !== undefined && { details: context.details.of(record, container) }),
  };
}

/**
 * A rule that allows owners does not decide about others: they are stopped as if by the posture, and the event names
 * the rule.
 */
function decidingRule(record: EventRecord, context: EventContext): RuleDescription | undefined {
  const rule = context.ruleOf(record.imageId, record.rule);
  if (rule !== undefined && (record.flags & FLAGS.ofSource) !== 0) {
    const { wouldBlock = false, ...described } = rule;
    const message = OF_SOURCE_MESSAGES[record.operation] ?? rule.message;
    return { ...described, message, wouldBlock: wouldBlock && record.operation === 'trace' };
  }
  if (!rule?.allowsOwners || (record.flags & FLAGS.notOwner) === 0) return rule;
  const key = rule.policyNamespace === '' ? rule.policy : `${rule.policyNamespace}/${rule.policy}`;
  return {
    ...rule,
    policy: DEFAULT_POSTURE,
    policyNamespace: '',
    rule: rule.class,
    ownerRule: `${key} ${rule.rule}`,
  };
}

function failClosed(record: EventRecord, ruleClass: RuleDescription['class']): RuleDescription {
  return {
    policy: record.pathResult === 'protected' ? SELF_PROTECTION : FAIL_CLOSED,
    policyNamespace: '',
    rule: record.pathResult,
    severity: 1,
    tags: [],
    message: FAIL_CLOSED_MESSAGES[record.pathResult],
    class: ruleClass,
  };
}
