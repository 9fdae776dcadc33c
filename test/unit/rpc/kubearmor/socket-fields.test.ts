import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeObject } from '../../../../src/image/describe-object.js';
import type { SocketUse } from '../../../../src/policy/network.js';
import { type SocketFields, socketFields } from '../../../../src/rpc/kubearmor/socket-fields.js';

const end = { direction: 'egress', port: 443, address: [10, 0, 0, 1] } as const;
const tcp = { protocol: 'TCP', type: 'SOCK_STREAM' };

const uses: readonly (readonly [use: Partial<SocketUse>, fields: SocketFields])[] = [
  [{}, tcp],
  [{ protocol: 262 }, { protocol: 'MPTCP', type: 'SOCK_STREAM' }],
  [
    { type: 2, protocol: 17 },
    { protocol: 'UDP', type: 'SOCK_DGRAM' },
  ],
  [
    { family: 10, type: 2, protocol: 58 },
    { protocol: 'ICMPv6', type: 'SOCK_DGRAM' },
  ],
  [
    { type: 3, protocol: 1 },
    { protocol: 'ICMP', type: 'SOCK_RAW' },
  ],
  [
    { type: 5, protocol: 200 },
    { protocol: '200', type: 'SOCK_SEQPACKET' },
  ],
  [
    { family: 1, protocol: 0 },
    { family: 'AF_UNIX', protocol: '0', type: 'SOCK_STREAM' },
  ],
  [
    { family: 17, type: 2, protocol: 3 },
    { family: 'AF_PACKET', protocol: '3', type: 'SOCK_DGRAM' },
  ],
  [
    { family: 200, type: 15, protocol: 0 },
    { family: 'AF_200', protocol: '0', type: 'SOCK_15' },
  ],
  [end, { ...tcp, remoteip: '10.0.0.1', port: '443' }],
  [
    { ...end, name: 'a.example.com' },
    { ...tcp, remoteip: '10.0.0.1', port: '443', domain: 'a.example.com' },
  ],
  [
    { family: 10, direction: 'ingress', port: 80, address: [...new Array(15).fill(0), 1] },
    { ...tcp, remoteip: '::1', port: '80' },
  ],
  [
    { direction: 'ingress', port: 80 },
    { ...tcp, port: '80' },
  ],
];

for (const [use, fields] of uses) {
  const socket = { family: 2, type: 1, protocol: 6, direction: 'none', port: 0, address: [], ...use } as const;
  test(`a socket that events call "${describeObject({ kind: 'socket', ...socket })}" has KubeArmor's fields`, () => {
    assert.deepEqual(socketFields(socket), fields);
  });
}
