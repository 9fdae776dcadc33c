import {
  AccessClass,
  Action,
  type Container,
  ContainerOrigin,
  Direction,
  type GetStatusResponse,
  MissingHookCause,
  Mode,
  type ObservedAccess,
  type PathMatch,
  type Policy,
  PolicyOrigin,
  type Posture,
  type Profile,
  ProtectedBy,
  type Rule,
  Scope,
  WhenUnanswered,
} from '../client/messages.js';
import { eventView, nameOf, timeText } from '../event-view.js';
import { labelsText } from '../policy/labels.js';
import { placeText, toText } from '../rpc/match-message.js';

export { eventView, nameOf, timeText };

/** Messages of the API as plain values: enumerations by their names, times as texts. Printed as JSON, YAML or a table. */

export function ruleView(rule: Rule) {
  const { match, class: ruleClass, action, except, ...rest } = rule;
  return {
    ...rest,
    class: nameOf(AccessClass, ruleClass),
    match: matchView(match),
    except: except.map((place) => matchView(place.match)),
    action: nameOf(Action, action),
  };
}

function matchView(match: Rule['match'] | PathMatch['match']): object {
  if (match === undefined) return {};
  if (match.$case !== 'endpoint') return { [match.$case]: match.value };
  const { direction, ...value } = match.value;
  return { endpoint: { ...value, direction: nameOf(Direction, direction) } };
}

/** What a rule matches, as a short text. */
export function matchText({ match, except }: Rule): string {
  if (match === undefined) return '';
  return [toText(match), ...except.map((place) => `except ${placeText(place)}`)].join(' ');
}

export function policyView(policy: Policy) {
  return {
    namespace: policy.namespace,
    name: policy.name,
    resourceVersion: Number(policy.resourceVersion),
    scope: nameOf(Scope, policy.scope),
    origin: nameOf(PolicyOrigin, policy.origin ?? PolicyOrigin.RPC),
    matchLabels: policy.selector?.matchLabels ?? {},
    matchExpressions: policy.selector?.matchExpressions ?? [],
    priority: policy.priority,
    mode: nameOf(Mode, policy.mode),
    ...(policy.guardsOff && { guards: 'off' }),
    ...(policy.heldDescriptorsLeft && { heldDescriptors: 'leave' }),
    ...(policy.loaderLibraries.length > 0 && {
      loaderLibraries: policy.loaderLibraries.map((place) => matchView(place.match)),
    }),
    ...(policy.expires !== undefined && { expires: timeText(policy.expires) }),
    ...(policy.message !== '' && { message: policy.message }),
    ...(policy.tags.length > 0 && { tags: policy.tags }),
    rules: policy.rules.map(ruleView),
  };
}

/** How a policy gives its mode in a manifest. */
export function modeText(mode: Mode): string {
  return mode === Mode.PERMISSIVE ? 'audit' : 'enforce';
}

/** The deciding policy as other commands take it: its origin, unless that is a controller, its namespace and its name. */
export function decidingPolicyText(policyOrigin: PolicyOrigin, policyNamespace: string, policy: string): string {
  const isOfController = policyOrigin === PolicyOrigin.UNSPECIFIED || policyOrigin === PolicyOrigin.RPC;
  const origin = isOfController ? '' : `${originText(policyOrigin)}:`;
  return origin + (policyNamespace === '' ? policy : `${policyNamespace}/${policy}`);
}

/** The origin of a policy, as a word. */
export function originText(origin: PolicyOrigin = PolicyOrigin.RPC): string {
  return nameOf(PolicyOrigin, origin).toLowerCase().replaceAll('_', '-');
}

/** What a policy selects, as a short text. */
export function selectorText(selector: Policy['selector']): string {
  const expressions = (selector?.matchExpressions ?? []).map(
    ({ key, operator, values }) => `${key} ${operator} (${values.join(', ')})`,
  );
  const labels = labelsText(selector?.matchLabels ?? {});
  return [...(labels === '' ? [] : [labels]), ...expressions].join(' ') || '(all)';
}

export function profileView({ name, subject, started, stopped }: Profile) {
  const of =
    subject?.$case === 'selector'
      ? `${subject.value.namespace} ${labelsText(subject.value.matchLabels)}`
      : `container ${subject?.value.slice(0, 12)}`;
  return { name, of, started: timeText(started), stopped: timeText(stopped) };
}

export function accessView(access: ObservedAccess) {
  return { ...access, class: nameOf(AccessClass, access.class), count: Number(access.count) };
}

export function containerView(container: Container) {
  const { protection } = container;
  return {
    ...container,
    origin: nameOf(ContainerOrigin, container.origin),
    protection: {
      protected: protection?.protected ?? false,
      since: timeText(protection?.since),
      by: nameOf(ProtectedBy, protection?.by ?? ProtectedBy.UNSPECIFIED),
      reason: protection?.reason ?? '',
      leftOutPolicies: protection?.leftOutPolicies ?? [],
    },
  };
}

export function postureView(postures: readonly Posture[]): Record<string, string> {
  return Object.fromEntries(
    postures.map((posture) => [nameOf(AccessClass, posture.class), nameOf(Action, posture.action)]),
  );
}

export function statusView(status: GetStatusResponse) {
  return {
    ...status,
    started: timeText(status.started),
    sources: status.sources.map(({ whenUnanswered, ...source }) => ({
      ...source,
      whenUnanswered: nameOf(WhenUnanswered, whenUnanswered),
    })),
    missingHooks: status.missingHooks.map(({ notCovered, cause, ...missing }) => ({
      ...missing,
      notCovered: notCovered.map(({ class: ruleClass, operation }) => ({
        class: nameOf(AccessClass, ruleClass),
        operation,
      })),
      cause: nameOf(MissingHookCause, cause),
    })),
    revision: Number(status.revision),
    enforcedRevision: Number(status.enforcedRevision),
  };
}
