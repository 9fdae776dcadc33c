import type { TelemetryLimits } from '../../control/telemetry.js';
import type { SecurityEvent } from '../../events/event.js';
import type { Log } from '../../generated/kubearmor/feeder.js';
import { accessOf, CLUSTER_NAME, eventData, placeOf, subjectFields } from './alert.js';
import type { HostFacts } from './host-facts.js';
import { socketFields } from './socket-fields.js';
import { timeFields } from './times.js';

/** The system call that KubeArmor's logs name, of several with the same effect. */
const CALLS: Readonly<Record<string, string>> = {
  exec: 'EXECVE',
  open: 'OPENAT',
  truncate: 'TRUNCATE',
  unlink: 'UNLINKAT',
  rmdir: 'RMDIR',
  mkdir: 'MKDIRAT',
  mknod: 'MKNODAT',
  symlink: 'SYMLINKAT',
  link: 'LINKAT',
  rename: 'RENAMEAT2',
  chmod: 'FCHMODAT',
  chown: 'FCHOWNAT',
  setxattr: 'SETXATTR',
  utime: 'UTIMENSAT',
  chattr: 'IOCTL',
  map: 'MMAP',
  protect: 'MPROTECT',
  create: 'SOCKET',
  bind: 'BIND',
  connect: 'CONNECT',
  listen: 'LISTEN',
  accept: 'ACCEPT',
  send: 'SENDTO',
  receive: 'RECVFROM',
  resolve: 'SENDTO',
};
/** Where KubeArmor sees TCP connections that are made and accepted. */
const PROBES: Readonly<Record<string, string>> = { connect: 'tcp_connect', accept: 'tcp_accept' };

/** Telemetry as a log of KubeArmor. docs/kubearmor-clients.md has the table of what comes from where. */
export function toLog(event: SecurityEvent, facts: HostFacts, limits: TelemetryLimits): Log {
  const log: Log = { ...emptyLog(event.time, facts), ...subjectFields(event) };
  if (event.class === undefined) return { ...log, ...thresholdFields(event.suppressed, limits) };
  const { Resource, Data, ...access } = { ...accessOf(event), ...dataFields(event) };
  const { count = 1 } = event;
  return {
    ...log,
    ...access,
    Type: 'ContainerLog',
    Result: 'Passed',
    Resource,
    Data: count > 1 ? `${Data} count=${count}` : Data,
    EventData: { ...eventData(Data), Count: `${count}` },
    ...placeOf(event),
  };
}

/** Tells a reader that was too slow what it has missed. */
export function toMissedLog(missed: number, time: bigint, facts: HostFacts): Log {
  const Data = `missed=${missed}`;
  return {
    ...emptyLog(time, facts),
    Type: 'SystemEvent',
    Operation: 'AlertThreshold',
    Data,
    EventData: eventData(Data),
  };
}

function thresholdFields(dropped: number, { perWindow, windowSeconds }: TelemetryLimits): Partial<Log> {
  const Data = `dropped=${dropped} limit=${perWindow} seconds=${windowSeconds}`;
  return { Type: 'SystemEvent', Operation: 'AlertThreshold', Data, EventData: eventData(Data) };
}

function dataFields(event: SecurityEvent): Pick<Log, 'Resource' | 'Data'> {
  const { Resource, Data, Operation } = accessOf(event);
  const { operation, decoded, operations = [] } = event;
  const name = CALLS[operation];
  if (Operation === 'Capabilities' || name === undefined) return { Resource, Data };
  const call = `syscall=SYS_${name}`;
  if (operation === 'open') return { Resource, Data: `${call} flags=${openFlags(operations)}` };
  if (Operation !== 'Network' || decoded?.kind !== 'socket') return { Resource, Data: call };
  const { protocol, remoteip, port } = socketFields(decoded);
  if (remoteip === undefined || port === undefined) return { Resource, Data: call };
  const isTcp = protocol === 'TCP' && PROBES[operation] !== undefined;
  const family = remoteip.includes(':') ? 'AF_INET6' : 'AF_INET';
  return {
    Resource: `remoteip=${remoteip} port=${port} protocol=${protocol}`,
    Data: isTcp ? `kprobe=${PROBES[operation]} domain=${family}` : call,
  };
}

/** The flag of the operation that was decided: others that the file was opened with are not known. */
function openFlags(operations: readonly string[]): string {
  const writes = operations.some((each) => each === 'write' || each === 'create');
  const way = writes ? (operations.includes('read') ? 'O_RDWR' : 'O_WRONLY') : 'O_RDONLY';
  return operations.includes('create') ? `${way}|O_CREAT` : way;
}

function emptyLog(time: bigint, { hostName, nodeId }: HostFacts): Log {
  return {
    ...timeFields(time),
    ClusterName: CLUSTER_NAME,
    HostName: hostName,
    NodeID: nodeId,
    NamespaceName: '',
    PodName: '',
    ContainerID: '',
    ContainerName: '',
    HostPID: 0,
    PPID: 0,
    PID: 0,
    UID: 0,
    Type: '',
    Source: '',
    Operation: '',
    Resource: '',
    Data: '',
    Result: '',
    ContainerImage: '',
    ParentProcessName: '',
    ProcessName: '',
    HostPPID: 0,
    Labels: '',
    Owner: undefined,
    Cwd: '',
    TTY: '',
    ExecEvent: undefined,
    EventData: {},
    UserName: '',
  };
}
