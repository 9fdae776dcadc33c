import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeObject } from '../../../src/image/describe-object.js';
import { reportedObject } from '../../../src/image/read-object-key.js';
import type { SocketUse } from '../../../src/policy/network.js';
import { CALL_32_BIT, callNumbers } from '../../../src/policy/system-calls.js';
import { capabilityKey, objectKey, socketKey } from '../../support/object-key.js';

const describeKey = (key: string) => describeObject(reportedObject(key));
const describe = (use: Partial<SocketUse>) =>
  describeKey(
    socketKey({ family: 2, type: 1, protocol: 6, direction: 'none', port: 0, address: [], ...use }).toString(),
  );

test('an internet socket is described by its protocol, others by family and type', () => {
  assert.equal(describe({}), 'tcp');
  assert.equal(describe({ protocol: 0 }), 'tcp');
  assert.equal(describe({ family: 10, type: 2, protocol: 17 }), 'udp');
  assert.equal(describe({ type: 3, protocol: 1 }), 'inet raw icmp');
  assert.equal(describe({ type: 5, protocol: 200 }), 'inet seqpacket 200');
  assert.equal(describe({ family: 16, type: 3, protocol: 0 }), 'netlink raw');
  assert.equal(describe({ family: 17, type: 2, protocol: 3 }), 'packet dgram 3');
  assert.equal(describe({ family: 200, type: 15, protocol: 0 }), '200 15');
});

test('a remote endpoint is described by address and port, a local one by its port', () => {
  assert.equal(describe({ direction: 'egress', port: 443, address: [10, 0, 0, 1] }), 'tcp 10.0.0.1:443');
  assert.equal(describe({ direction: 'ingress', port: 80 }), 'tcp port 80');
});

test('an IPv6 address is shortened at its longest run of zeros', () => {
  const address = (...groups: number[]) => groups.flatMap((group) => [group >> 8, group & 0xff]);
  const shown = (...groups: number[]) =>
    describe({ family: 10, direction: 'egress', port: 1, address: address(...groups) });
  assert.equal(shown(0, 0, 0, 0, 0, 0, 0, 1), 'tcp [::1]:1');
  assert.equal(shown(0xfd00, 0, 0, 1, 0, 0, 0, 0), 'tcp [fd00:0:0:1::]:1');
  assert.equal(shown(0x2001, 0xdb8, 0, 0, 0x10, 0, 0, 0x20), 'tcp [2001:db8::10:0:0:20]:1');
  assert.equal(shown(1, 2, 3, 4, 5, 6, 7, 0), 'tcp [1:2:3:4:5:6:7:0]:1');
  assert.equal(shown(0, 0, 0, 0, 0, 0, 0, 0), 'tcp [::]:1');
});

test('a name is shown after the address that an answer gave for it, and alone in a query', () => {
  const end = { direction: 'egress', port: 443, address: [10, 0, 0, 1] } as const;
  assert.equal(describe({ ...end, name: 'www.example.com' }), 'tcp 10.0.0.1:443 (www.example.com)');
  assert.equal(describeKey(objectKey({ kind: 'query', name: 'www.example.com' }).toString()), 'www.example.com');
  assert.equal(describeKey('q'), '.');
});

test('a capability is described by its name, an unknown one by its number', () => {
  assert.equal(describeKey(capabilityKey(13).toString()), 'net_raw');
  assert.equal(describeKey(capabilityKey(63).toString()), 'capability 63');
});

test('an executed file that is not of the image is described by its path', () => {
  for (const key of ['pfa/tmp/tool', 'pfb/tmp/tool']) assert.equal(describeKey(key), '/tmp/tool');
  assert.equal(describeKey('pfc'), 'memory without a file');
});

test('a system call is described by its name, with the path if there is one', () => {
  const describeCall = (call: string, path?: string) =>
    describeKey(objectKey({ kind: 'call', call, ...(path !== undefined && { path: Buffer.from(path) }) }).toString());
  assert.equal(describeCall('mount'), 'mount');
  assert.equal(describeCall('unlinkat', '/tmp/a b '), 'unlinkat /tmp/a b ');
  assert.equal(describeKey('saappp'), 'system call 4095');
});

test('a call of a 32-bit program has the name of the 64-bit call', {
  skip: process.arch !== 'x64',
}, () => {
  // asm/unistd_32.h: chown is 182 with 16-bit owners, 212 with 32-bit ones.
  const describeCall32 = (number: number) => {
    const digits = (CALL_32_BIT | number)
      .toString(16)
      .replace(/./gu, (digit) => 'abcdefghijklmnop'[parseInt(digit, 16)]!);
    return describeKey(`sa${digits}`);
  };
  assert.deepEqual([describeCall32(182), describeCall32(212), describeCall32(10)], ['chown', 'chown', 'unlink']);
  assert.deepEqual(callNumbers('chown'), [92, CALL_32_BIT | 182, CALL_32_BIT | 212]);
});
