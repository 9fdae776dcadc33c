import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { SecurityEvent } from '../../../../src/events/event.js';
import { noteOf, POLICY_OVERRIDE } from '../../../../src/events/note.js';
import type { KeyObject } from '../../../../src/image/reported-object.js';
import { callNumbers } from '../../../../src/policy/system-calls.js';
import { type AlertContext, toAlert } from '../../../../src/rpc/kubearmor/alert.js';
import { VERSION } from '../../../../src/version.js';
import { fieldsOf, makeEvent } from '../../events/support.js';

const CONTEXT: AlertContext = {
  ...{ hostName: 'node-1', hostAddress: '10.0.0.9', nodeId: 'abc' },
  eventsPerSecond: 1000,
  throttle: { perSecond: 0, silence: 30 },
};
const alertOf = (event: Partial<SecurityEvent>) => toAlert(makeEvent(event), CONTEXT);

test("an alert on a file has process, file and policy in KubeArmor's fields", () => {
  assert.deepEqual(alertOf({}), {
    Timestamp: 1_700_000_000n,
    UpdatedTime: '2023-11-14T22:13:20.123456Z',
    ClusterName: 'default',
    HostName: 'node-1',
    NodeID: 'abc',
    KubeArmorVersion: `hauberk ${VERSION}`,
    NamespaceName: 'container_namespace',
    PodName: 'web-1',
    ContainerID: 'c1',
    ContainerName: 'web-1',
    ContainerImage: '',
    Labels: 'app=web,tier=front',
    Owner: undefined,
    HostPPID: 4001,
    HostPID: 4007,
    PPID: 1,
    PID: 7,
    UID: 1000,
    ParentProcessName: '/bin/sh',
    ProcessName: '/bin/cat',
    PolicyName: 'no-shadow',
    Severity: '5',
    Tags: 'secrets',
    ATags: ['secrets'],
    Message: 'shadow is read',
    Type: 'MatchedPolicy',
    Source: '/bin/cat',
    Operation: 'File',
    Resource: '/etc/shadow',
    Data: 'lsm=FILE_OPEN',
    EventData: { Lsm: 'FILE_OPEN' },
    Enforcer: 'BPFLSM',
    Action: 'Block',
    Result: 'Permission denied',
    Cwd: '',
    TTY: '',
    MaxAlertsPerSec: 0,
    DroppingAlertsInterval: 0,
    ExecEvent: { ExecID: '', ExecutableName: 'cat' },
    UserName: '',
  });
});

test('an alert has image, working directory and terminal if these are known', () => {
  const details = {
    ...{ hostName: 'node-1', machineId: 'abc', commandLine: ['cat'] },
    ...{ image: 'registry.test/web:1', workingDirectory: '/srv', terminal: 'pts/0' },
  };
  const { ContainerImage, Cwd, TTY } = alertOf({ details });
  assert.deepEqual([ContainerImage, Cwd, TTY], ['registry.test/web:1', '/srv/', 'pts/0']);
  assert.equal(alertOf({ details: { ...details, workingDirectory: '/' } }).Cwd, '/');
});

test('for an executed program the source is the program that runs it', () => {
  const { Operation, Source, ParentProcessName, ProcessName, Resource, Data } = alertOf({
    class: 'process',
    operation: 'exec',
    object: '/bin/sleep',
    program: '/bin/dash',
    parentProgram: '/usr/bin/runc',
  });
  assert.deepEqual(
    { Operation, Source, ParentProcessName, ProcessName, Resource, Data },
    {
      Operation: 'Process',
      Source: '/bin/dash',
      ParentProcessName: '/bin/dash',
      ProcessName: '/bin/sleep',
      Resource: '/bin/sleep',
      Data: 'lsm=SECURITY_BPRM_CHECK',
    },
  );
});

const TCP = { kind: 'socket', family: 2, type: 1, protocol: 6, direction: 'none', port: 0, address: [] } as const;
const END = { direction: 'egress', port: 443, address: [10, 0, 0, 1] } as const;
const CALL = { kind: 'call', point: 'entry', path: '' } as const;

const accesses: readonly (readonly [
  operation: string,
  object: string | KeyObject,
  expected: readonly [Operation: string, Resource: string, Data: string],
])[] = [
  ['mknod', '/tmp/x', ['File', '/tmp/x', 'lsm=FILE_MKNOD']],
  ['unlink', '/tmp/x', ['File', '/tmp/x', 'lsm=FILE_UNLINK']],
  ['rename', '/tmp/x', ['File', '/tmp/x', 'lsm=FILE_RENAME']],
  [
    'create',
    { ...TCP, type: 3, protocol: 1 },
    ['Network', 'protocol=ICMP type=SOCK_RAW', 'lsm=SOCKET_CREATE type=SOCK_RAW'],
  ],
  ['create', TCP, ['Network', 'protocol=TCP type=SOCK_STREAM', 'lsm=SOCKET_CREATE type=SOCK_STREAM']],
  [
    'create',
    { ...TCP, type: 2, protocol: 1 },
    ['Network', 'protocol=ICMP type=SOCK_DGRAM', 'lsm=SOCKET_CREATE type=SOCK_DGRAM'],
  ],
  [
    'create',
    { ...TCP, family: 16, type: 3, protocol: 9 },
    ['Network', 'protocol=9 type=SOCK_RAW family=AF_NETLINK', 'lsm=SOCKET_CREATE type=SOCK_RAW'],
  ],
  [
    'connect',
    { ...TCP, ...END, name: 'example.com' },
    [
      'Network',
      'protocol=TCP type=SOCK_STREAM remoteip=10.0.0.1 port=443 domain=example.com',
      'lsm=SOCKET_CONNECT type=SOCK_STREAM remoteip=10.0.0.1 port=443 domain=example.com',
    ],
  ],
  [
    'send',
    { ...TCP, ...END, type: 2, protocol: 17, port: 53, address: [0xfd, ...new Array(14).fill(0), 1] },
    [
      'Network',
      'protocol=UDP type=SOCK_DGRAM remoteip=fd00::1 port=53',
      'lsm=SOCKET_SENDMSG type=SOCK_DGRAM remoteip=fd00::1 port=53',
    ],
  ],
  [
    'listen',
    { ...TCP, direction: 'ingress', port: 80 },
    ['Network', 'protocol=TCP type=SOCK_STREAM port=80', 'lsm=SOCKET_LISTEN type=SOCK_STREAM port=80'],
  ],
  [
    'resolve',
    { kind: 'query', name: 'example.com' },
    ['Network', 'domain=example.com', 'lsm=SOCKET_SENDMSG domain=example.com'],
  ],
  ['use', { kind: 'capability', number: 13 }, ['Capabilities', 'CAP_NET_RAW', 'lsm=CAPABLE CAP_NET_RAW']],
  ['use', '/etc/shadow', ['File', '/etc/shadow', 'lsm=FILE_PERMISSION']],
  ['receive', '/etc/shadow', ['File', '/etc/shadow', 'lsm=FILE_RECEIVE']],
  [
    'call',
    { ...CALL, number: callNumbers('unlinkat')[0]!, path: '/tmp/x' },
    ['Syscall', '/tmp/x', 'syscall=SYS_UNLINKAT'],
  ],
  ['call', { ...CALL, number: callNumbers('ptrace')[0]! }, ['Syscall', '', 'syscall=SYS_PTRACE']],
  ['call', { ...CALL, number: 4095 }, ['Syscall', '', 'syscall=SYS_4095']],
  [
    'mount',
    { kind: 'mount', operation: 'mount', type: 'ext4', path: '/mnt/' },
    ['Syscall', '/mnt/ (ext4)', 'lsm=SB_MOUNT'],
  ],
  [
    'trace',
    { kind: 'trace', operation: 'attach', path: '/usr/bin/ssh-agent' },
    ['Syscall', '/usr/bin/ssh-agent', 'lsm=PTRACE_ACCESS_CHECK'],
  ],
  [
    'protect',
    { kind: 'behaviour', behaviour: 'map-anonymous', path: '' },
    ['File', 'memory without a file', 'lsm=FILE_MPROTECT'],
  ],
  ['connect', '', ['Network', '', 'lsm=SOCKET_CONNECT']],
];

for (const [operation, object, expected] of accesses) {
  const fields = typeof object === 'string' ? { object } : fieldsOf(object);
  test(`${operation} of ${fields.object} has KubeArmor's operation, resource and data`, () => {
    const { Operation, Resource, Data } = alertOf({ operation, ...fields });
    assert.deepEqual([Operation, Resource, Data], expected);
  });
}

test('EventData has the pairs of the data, with capitalised names, and no other words', () => {
  const socket = alertOf({ operation: 'connect', ...fieldsOf({ ...TCP, ...END }) });
  assert.deepEqual(socket.EventData, { Lsm: 'SOCKET_CONNECT', Type: 'SOCK_STREAM', Remoteip: '10.0.0.1', Port: '443' });
  assert.deepEqual(alertOf({ operation: 'use', object: 'net_raw' }).EventData, { Lsm: 'CAPABLE' });
});

test('an allowed access is Passed, and in audit mode the action shows what would have been done', () => {
  const audited = alertOf({ action: 'Audit', result: 'passed' });
  assert.deepEqual([audited.Action, audited.Result], ['Audit', 'Passed']);
  const permissive = alertOf({ action: 'Audit', result: 'passed', wouldBlock: true });
  assert.deepEqual([permissive.Action, permissive.Result], ['Audit (Block)', 'Passed']);
});

test('an alert of a pod has its name and namespace, and none of the labels that the runtime adds', () => {
  const { NamespaceName, PodName, ContainerName, Labels } = alertOf({
    namespace: 'default',
    labels: {
      app: 'web',
      'io.kubernetes.pod.name': 'web-7d9f',
      'io.kubernetes.pod.uid': 'u',
      'hauberk.io/container.name': 'web-1',
      'kubearmor.io/container.name': 'web-1',
    },
  });
  assert.deepEqual([NamespaceName, PodName, ContainerName, Labels], ['default', 'web-7d9f', 'web-1', 'app=web']);
});

test('an explicit namespace is reported even without Kubernetes', () => {
  assert.equal(alertOf({ namespace: 'shop' }).NamespaceName, 'shop');
});

test("an alert on the host's own processes names no container", () => {
  const { Type, NamespaceName, PodName, ContainerID, ContainerName, HostName } = alertOf({
    containerId: 'host',
    containerName: 'node-1',
    namespace: '',
  });
  assert.deepEqual(
    [Type, NamespaceName, PodName, ContainerID, ContainerName, HostName],
    ['MatchedHostPolicy', '', '', '', '', 'node-1'],
  );
});

test('suppressed events are reported as an AlertThreshold', () => {
  const { Type, Operation, MaxAlertsPerSec, Message, ContainerName, Action, Enforcer } = alertOf({
    class: undefined,
    action: undefined,
    result: undefined,
    operation: '',
    policy: 'RateLimit',
    message: '12 events of this container were suppressed',
    suppressed: 12,
  });
  assert.deepEqual(
    { Type, Operation, MaxAlertsPerSec, Message, ContainerName, Action, Enforcer },
    {
      Type: 'SystemEvent',
      Operation: 'AlertThreshold',
      MaxAlertsPerSec: 1000,
      Message: '12 events of this container were suppressed',
      ContainerName: 'web-1',
      Action: '',
      Enforcer: '',
    },
  );
});

test("with KubeArmor's throttling an AlertThreshold has its limit and the length of the silence", () => {
  const throttle = { perSecond: 10, silence: 45 };
  const silenced = toAlert(makeEvent({ class: undefined, suppressed: 1 }), { ...CONTEXT, throttle });
  assert.deepEqual([silenced.MaxAlertsPerSec, silenced.DroppingAlertsInterval], [10, 45]);
  const denied = toAlert(makeEvent({}), { ...CONTEXT, throttle });
  assert.deepEqual([denied.MaxAlertsPerSec, denied.DroppingAlertsInterval], [0, 0]);
});

test('the documentation describes the source of every field of an alert, or that it is empty', () => {
  const proto = readFileSync('proto/kubearmor/kubearmor/feeder.proto', 'utf8');
  const [, fields] = /^message Alert \{\n(.*?)^\}/msu.exec(proto)!;
  const names = Array.from(fields!.matchAll(/(\w+) = \d+;/gu), ([, name]) => name!);
  assert.equal(names.length, 40);
  const page = readFileSync('docs/kubearmor-clients.md', 'utf8');
  const section = page.slice(page.indexOf('## Alerts, field by field'), page.indexOf('## Messages, field by field'));
  assert.deepEqual(
    names.filter((name) => !section.includes(`\`${name}\``)),
    [],
  );
});

test('a pod of Kubernetes has its workload as owner, which is not a label of its own', () => {
  const labels = { app: 'web', 'hauberk.io/owner.kind': 'Deployment', 'hauberk.io/owner.name': 'web' };
  const { Owner, Labels } = alertOf({ namespace: 'shop', labels });
  assert.deepEqual([Owner, Labels], [{ Ref: 'Deployment', Name: 'web', Namespace: 'shop' }, 'app=web']);
});

test('an override of the policies of a pod is reported as a SystemEvent', () => {
  const message = 'pod shop/web has its policies disabled, set by kubectl-annotate';
  const pod = { id: '', name: 'web', namespace: 'shop', labels: {} };
  const { Type, Operation, Message, PodName, NamespaceName } = toAlert(
    noteOf(POLICY_OVERRIDE, message, pod, 0n),
    CONTEXT,
  );
  assert.deepEqual([Type, Operation, Message], ['SystemEvent', 'PolicyOverride', message]);
  assert.deepEqual([NamespaceName, PodName], ['shop', 'web']);
});
