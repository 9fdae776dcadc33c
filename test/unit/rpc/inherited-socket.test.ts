import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inheritedSocket } from '../../../src/rpc/inherited-socket.js';

test('a single socket that systemd has opened for this process is used', () => {
  assert.equal(inheritedSocket({ LISTEN_PID: '7', LISTEN_FDS: '1' }, 7), 3);
});

test('a socket for another process is not used', () => {
  assert.equal(inheritedSocket({}, 7), undefined);
  assert.equal(inheritedSocket({ LISTEN_PID: '7', LISTEN_FDS: '0' }, 7), undefined);
  assert.equal(inheritedSocket({ LISTEN_PID: '8', LISTEN_FDS: '1' }, 7), undefined);
});

test('several sockets are refused, since the others would not be served', () => {
  assert.throws(() => inheritedSocket({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7), /one socket .* opened 2/u);
});
