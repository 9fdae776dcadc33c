import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SecurityEvent } from '../../../../src/events/event.js';
import { toLog } from '../../../../src/rpc/kubearmor/log.js';
import { fieldsOf, makeEvent } from '../../events/support.js';

const facts = { hostName: 'node-1', hostAddress: '10.0.0.1', nodeId: 'abc' };
const limits = { windowSeconds: 10, perWindow: 1000 };
const logOf = (event: Partial<SecurityEvent>) =>
  toLog(makeEvent({ action: 'Allow', result: 'passed', policy: '', count: 1, ...event }), facts, limits);

const TCP = { kind: 'socket', family: 2, type: 1, protocol: 6, direction: 'none', port: 0, address: [] } as const;

const ROWS: readonly [
  what: string,
  event: Partial<SecurityEvent>,
  Operation: string,
  Resource: string,
  Data: string,
][] = [
  ['a program', { operation: 'exec', object: '/bin/ls' }, 'Process', '/bin/ls', 'syscall=SYS_EXECVE'],
  ['a file read', { operations: ['read'] }, 'File', '/etc/shadow', 'syscall=SYS_OPENAT flags=O_RDONLY'],
  ['a file written', { operations: ['write'] }, 'File', '/etc/shadow', 'syscall=SYS_OPENAT flags=O_WRONLY'],
  [
    'a file made',
    { operations: ['read', 'write', 'create'] },
    ...(['File', '/etc/shadow', 'syscall=SYS_OPENAT flags=O_RDWR|O_CREAT'] as const),
  ],
  ['a file deleted', { operation: 'unlink' }, 'File', '/etc/shadow', 'syscall=SYS_UNLINKAT'],
  [
    'a connection',
    {
      class: 'network',
      operation: 'connect',
      ...fieldsOf({ ...TCP, direction: 'egress', port: 443, address: [1, 2, 3, 4], name: 'example.com' }),
    },
    ...(['Network', 'remoteip=1.2.3.4 port=443 protocol=TCP', 'kprobe=tcp_connect domain=AF_INET'] as const),
  ],
  [
    'a connection taken',
    {
      class: 'network',
      operation: 'accept',
      ...fieldsOf({ ...TCP, direction: 'ingress', port: 80, address: [0xfd, ...new Array(14).fill(0), 1] }),
    },
    ...(['Network', 'remoteip=fd00::1 port=80 protocol=TCP', 'kprobe=tcp_accept domain=AF_INET6'] as const),
  ],
  [
    'a datagram',
    {
      class: 'network',
      operation: 'send',
      ...fieldsOf({ ...TCP, type: 2, protocol: 17, direction: 'egress', port: 53, address: [1, 1, 1, 1] }),
    },
    ...(['Network', 'remoteip=1.1.1.1 port=53 protocol=UDP', 'syscall=SYS_SENDTO'] as const),
  ],
  [
    'a socket',
    { class: 'network', operation: 'create', ...fieldsOf(TCP) },
    ...(['Network', 'protocol=TCP type=SOCK_STREAM', 'syscall=SYS_SOCKET'] as const),
  ],
  [
    'a capability',
    { class: 'capabilities', operation: 'use', ...fieldsOf({ kind: 'capability', number: 13 }) },
    ...(['Capabilities', 'CAP_NET_RAW', 'lsm=CAPABLE CAP_NET_RAW'] as const),
  ],
];

for (const [what, event, operation, resource, data] of ROWS) {
  test(`${what} is reported in KubeArmor's form`, () => {
    const { Operation, Resource, Data, Type, Result } = logOf(event);
    assert.deepEqual([Operation, Resource, Data], [operation, resource, data]);
    assert.deepEqual([Type, Result], ['ContainerLog', 'Passed']);
  });
}

test('a log has the container, the host and the process of the access', () => {
  const details = {
    ...{
      hostName: '',
      machineId: '',
      image: 'web:2',
      commandLine: ['cat'],
      workingDirectory: '/srv',
      terminal: 'pts/0',
    },
  };
  const labels = { app: 'web', 'io.kubernetes.pod.name': 'web-1', 'hauberk.io/owner.kind': 'Deployment' };
  const log = logOf({ details, labels: { ...labels, 'hauberk.io/owner.name': 'web' }, namespace: 'shop', count: 2 });
  const { NamespaceName, PodName, Labels, Owner, ContainerImage, Cwd, TTY, NodeID, EventData, UpdatedTime } = log;
  assert.deepEqual([NamespaceName, PodName, Labels], ['shop', 'web-1', 'app=web']);
  assert.deepEqual(Owner, { Ref: 'Deployment', Name: 'web', Namespace: 'shop' });
  assert.deepEqual([ContainerImage, Cwd, TTY, NodeID], ['web:2', '/srv/', 'pts/0', 'abc']);
  assert.equal(EventData.Count, '2');
  assert.equal(UpdatedTime, '2023-11-14T22:13:20.123456Z');
});
