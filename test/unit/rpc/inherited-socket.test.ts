import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inheritedSocket } from '../../../src/rpc/inherited-socket.js';

test('the one socket that systemd has opened for this process is taken', () => {
  assert.equal(inheritedSocket({ LISTEN_PID: '7', LISTEN_FDS: '1' }, 7), 3);
});

test('none, or one for another process, is not', () => {
  assert.equal(inheritedSocket({}, 7), undefined);
  assert.equal(inheritedSocket({ LISTEN_PID: '7', LISTEN_FDS: '0' }, 7), undefined);
  assert.equal(inheritedSocket({ LISTEN_PID: '8', LISTEN_FDS: '1' }, 7), undefined);
});

test('several are refused, since nobody would serve the others', () => {
  assert.throws(() => inheritedSocket({ LISTEN_PID: '7', LISTEN_FDS: '2' }, 7), /one socket .* opened 2/u);
});
