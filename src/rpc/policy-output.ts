import type { Timestamp } from '../generated/google/protobuf/timestamp.js';
import * as proto from '../generated/hauberk/v1/policy.js';
import { originOf, type Policy, type Rule } from '../policy/model.js';
import { toMatchMessage, toPathMessage } from './match-message.js';
import { ACTIONS, CLASSES, POLICY_ORIGINS, SCOPES } from './names.js';

/** From a policy of the domain to the message of the API; policy-message.ts is the way back. */

export function toPolicyMessage(policy: Policy, resourceVersion: number): proto.Policy {
  const head = toPolicyHead(policy, resourceVersion);
  return { ...head, rules: policy.rules.map(toRuleOf(head)) };
}

/** A policy without its rules; what all rules have in common is here once. */
export function toPolicyHead(policy: Policy, resourceVersion: number): proto.Policy {
  return {
    name: policy.name,
    namespace: policy.namespace,
    selector: {
      matchLabels: { ...policy.matchLabels },
      matchExpressions: (policy.matchExpressions ?? []).map((each) => ({ ...each, values: [...each.values] })),
    },
    rules: [],
    resourceVersion: BigInt(resourceVersion),
    scope: SCOPES[policy.scope ?? 'namespace'],
    priority: policy.priority ?? 0,
    mode: toMode(policy),
    guardsOff: policy.guards === false,
    ...(policy.heldDescriptors === 'leave' && { heldDescriptorsLeft: true }),
    loaderLibraries: (policy.loaderLibraries ?? []).map(toPathMessage),
    expires: policy.expires === undefined ? undefined : fromMilliseconds(policy.expires),
    ...commonTexts(policy.rules),
    rulesLeftOut: false,
    origin: POLICY_ORIGINS[originOf(policy)],
  };
}

export function toMode({ mode }: Pick<Policy, 'mode'>): proto.Mode {
  return mode === 'audit' ? proto.Mode.PERMISSIVE : proto.Mode.ENFORCE;
}

/** Writes rules of a policy without what its head says already. */
export function toRuleOf({ message, tags }: Pick<proto.Policy, 'message' | 'tags'>): (rule: Rule) => proto.Rule {
  return (rule) => ({
    ...toRuleMessage(rule),
    ...(message !== '' && { message: '' }),
    ...(tags.length > 0 && { tags: [] }),
  });
}

function commonTexts([first, ...others]: readonly Rule[]): Pick<proto.Policy, 'message' | 'tags'> {
  if (first === undefined || others.length === 0) return { message: '', tags: [] };
  const hasMessage = others.every(({ message }) => message === first.message);
  const hasTags = others.every(
    ({ tags }) => tags.length === first.tags.length && tags.every((tag, place) => tag === first.tags[place]),
  );
  return { message: hasMessage ? first.message : '', tags: hasTags ? [...first.tags] : [] };
}

export function toRuleMessage(rule: Rule): proto.Rule {
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
    operations: [...(rule.operations ?? [])],
    allowedArguments: rule.arguments === undefined ? undefined : { arguments: [...rule.arguments] },
    terminal: rule.terminal ?? false,
    except: rule.match.kind === 'preset' ? (rule.match.except ?? []).map(toPathMessage) : [],
  };
}

/** @param time milliseconds since the Unix epoch */
export function fromMilliseconds(time: number): Timestamp {
  return fromNanoseconds(BigInt(time) * 1_000_000n);
}

/** @param time nanoseconds since the Unix epoch */
export function fromNanoseconds(time: bigint): Timestamp {
  return { seconds: time / 1_000_000_000n, nanos: Number(time % 1_000_000_000n) };
}
