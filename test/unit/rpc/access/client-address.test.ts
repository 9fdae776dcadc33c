import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf } from '../../../../src/rpc/access/client-address.js';

test('a client is identified by its IPv4 address, or by its IPv6 network, in which it can choose addresses', () => {
  assert.equal(hostOf('192.0.2.1:443'), '192.0.2.1');
  assert.equal(hostOf('::ffff:192.0.2.1:443'), '::ffff:192.0.2.1');
  assert.equal(hostOf('2001:db8:1:2:3:4:5:6:443'), '2001:db8:1:2');
  assert.equal(hostOf('2001:db8::1:443'), '2001:db8:0:0');
  assert.equal(hostOf('::1:443'), '0:0:0:0');
  assert.equal(hostOf('unix:pid=7'), 'unix');
});
