import { HOST_ID } from '../../control/host.js';
import type { AlertLimit } from '../../events/alert-throttle.js';
import type { SecurityEvent } from '../../events/event.js';
import { POLICY_OVERRIDE } from '../../events/note.js';
import type { Alert } from '../../generated/kubearmor/feeder.js';
import { DEFAULT_NAMESPACE } from '../../policy/model.js';
import { OWNER_LABELS } from '../../policy/selector-labels.js';
import { VERSION } from '../../version.js';
import { accessFields } from './accesses.js';
import type { HostFacts } from './host-facts.js';
import { timeFields } from './times.js';

/** KubeArmor's own name for a cluster that has none. */
export const CLUSTER_NAME = 'default';
/** KubeArmor's name for the namespace of a container outside of Kubernetes. */
const NO_NAMESPACE = 'container_namespace';
const POD_NAME = 'io.kubernetes.pod.name';
/** What sources of containers add to the labels of a pod or container. */
const ADDED_LABEL = /^io\.kubernetes\.|^(?:hauberk|kubearmor)\.io\/container\.name$|^hauberk\.io\/owner\./u;

/** What is the same in every alert of a daemon. */
export interface AlertContext extends HostFacts {
  /** How many events of one container are reported a second; 0 for all. */
  readonly eventsPerSecond: number;
  readonly throttle: AlertLimit;
}

/** An event as an alert of KubeArmor. docs/kubearmor-clients.md has the table of what comes from where. */
export function toAlert(event: SecurityEvent, context: AlertContext): Alert {
  const alert: Alert = { ...emptyAlert(event.time, context), ...subjectFields(event), Message: event.message };
  if (event.policy === POLICY_OVERRIDE) return { ...alert, Type: 'SystemEvent', Operation: POLICY_OVERRIDE };
  // A summary has no class.
  return event.class === undefined
    ? { ...alert, ...thresholdFields(context) }
    : { ...alert, ...decisionFields(event), ...accessOf(event), ...placeOf(event) };
}

/** Tells a reader that was too slow what it has missed. */
export function toMissedAlert(missed: number, time: bigint, context: AlertContext): Alert {
  const Message = `this stream missed ${missed} alerts, as its client read too slowly`;
  return { ...emptyAlert(time, context), ...thresholdFields(context), Message };
}

function thresholdFields({ eventsPerSecond, throttle }: AlertContext): Partial<Alert> {
  const limits =
    throttle.perSecond === 0
      ? { MaxAlertsPerSec: eventsPerSecond }
      : { MaxAlertsPerSec: throttle.perSecond, DroppingAlertsInterval: throttle.silence };
  return { Type: 'SystemEvent', Operation: 'AlertThreshold', ...limits };
}

/** Whose access it is, in alerts and logs. */
export function subjectFields({ containerId, containerName, namespace, labels }: SecurityEvent) {
  const Labels = Object.entries(labels)
    .filter(([key]) => !ADDED_LABEL.test(key))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  if (containerId === HOST_ID) return { Labels };
  const pod = labels[POD_NAME];
  const hasNamespace = pod !== undefined || namespace !== DEFAULT_NAMESPACE;
  return {
    NamespaceName: hasNamespace ? namespace : NO_NAMESPACE,
    PodName: pod ?? containerName,
    ContainerID: containerId,
    ContainerName: containerName,
    Labels,
    Owner: ownerOf(labels, namespace),
  };
}

/** The workload of the pod, where Kubernetes is followed. */
function ownerOf(labels: SecurityEvent['labels'], Namespace: string): Alert['Owner'] {
  const { [OWNER_LABELS.kind]: Ref, [OWNER_LABELS.name]: Name } = labels;
  return Ref === undefined || Name === undefined ? undefined : { Ref, Name, Namespace };
}

function decisionFields(event: SecurityEvent): Partial<Alert> {
  return {
    Type: event.containerId === HOST_ID ? 'MatchedHostPolicy' : 'MatchedPolicy',
    PolicyName: event.policy,
    Severity: `${event.severity}`,
    Tags: event.tags.join(','),
    ATags: [...event.tags],
    Enforcer: 'BPFLSM',
    Action: event.wouldBlock ? 'Audit (Block)' : event.action!,
    Result: event.result === 'denied' ? 'Permission denied' : 'Passed',
  };
}

/** What was done and by whom, in alerts and logs. */
export function accessOf(event: SecurityEvent) {
  const access = accessFields(event);
  return {
    ...access,
    EventData: eventData(access.Data),
    HostPPID: event.hostParentPid,
    HostPID: event.hostPid,
    PPID: event.parentPid,
    PID: event.pid,
    UID: signed(event.uid),
    ExecEvent: { ExecID: '', ExecutableName: event.comm },
  };
}

/** Where it was done, in alerts and logs; empty where the process had ended before the event was read. */
export function placeOf({ details }: SecurityEvent) {
  return {
    ContainerImage: details?.image ?? '',
    Cwd: withSlash(details?.workingDirectory ?? ''),
    TTY: details?.terminal ?? '',
  };
}

function withSlash(directory: string): string {
  return directory === '' || directory.endsWith('/') ? directory : `${directory}/`;
}

/** The pairs among the words of Data, their names with a capital. */
export function eventData(data: string): Record<string, string> {
  const words = data.split(' ').map((word) => word.split(/=(.*)/su));
  return Object.fromEntries(
    words.filter(([, value]) => value !== undefined).map(([key, value]) => [capitalized(key!), value!]),
  );
}

function capitalized(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** A user id fills 32 bits, and the field has a sign. */
function signed(id: number): number {
  return id | 0;
}

function emptyAlert(time: bigint, { hostName, nodeId }: AlertContext): Alert {
  return {
    ...timeFields(time),
    ClusterName: CLUSTER_NAME,
    HostName: hostName,
    NodeID: nodeId,
    KubeArmorVersion: `hauberk ${VERSION}`,
    NamespaceName: '',
    PodName: '',
    ContainerID: '',
    ContainerName: '',
    ContainerImage: '',
    HostPID: 0,
    HostPPID: 0,
    PPID: 0,
    PID: 0,
    UID: 0,
    PolicyName: '',
    Severity: '',
    Tags: '',
    ATags: [],
    Message: '',
    Type: '',
    Source: '',
    Operation: '',
    Resource: '',
    Data: '',
    Action: '',
    Result: '',
    ParentProcessName: '',
    ProcessName: '',
    Enforcer: '',
    Labels: '',
    Owner: undefined,
    Cwd: '',
    TTY: '',
    MaxAlertsPerSec: 0,
    DroppingAlertsInterval: 0,
    ExecEvent: undefined,
    EventData: {},
    UserName: '',
  };
}
