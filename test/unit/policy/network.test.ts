import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ADDRESS_FAMILIES, isAnyOf, RAW_SOCKETS, SOCKET_TYPES } from '../../../src/policy/network.js';

const isRaw = (family: keyof typeof ADDRESS_FAMILIES, type: keyof typeof SOCKET_TYPES) =>
  isAnyOf(RAW_SOCKETS, {
    family: ADDRESS_FAMILIES[family],
    type: SOCKET_TYPES[type],
    protocol: 0,
    direction: 'none',
    port: 0,
    address: [],
  });

test('sockets of all families whose destination is unknown count as raw', () => {
  for (const [family, type] of [
    ['inet', 'raw'],
    ['inet6', 'raw'],
    ['packet', 'dgram'],
    ['xdp', 'raw'],
    ['rds', 'seqpacket'],
    ['rxrpc', 'dgram'],
    ['pppox', 'stream'],
  ] as const)
    assert.ok(isRaw(family, type), `${family} ${type}`);
});

test('sockets with known addresses, or that cannot leave this host, do not count as raw', () => {
  for (const [family, type] of [
    ['inet', 'dgram'],
    ['smc', 'stream'],
    ['unix', 'raw'],
    ['netlink', 'raw'],
  ] as const)
    assert.ok(!isRaw(family, type), `${family} ${type}`);
});
