import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceNodes } from '../../../src/containers/device-nodes.js';

test('nodes are found with their numbers, and nothing else is', () => {
  assert.deepEqual(deviceNodes(process.pid, ['/dev/null', '/etc/passwd', '/dev', '/none/there', '/dev/zero']), [
    { path: '/dev/null', type: 'character', major: 1, minor: 3 },
    { path: '/dev/zero', type: 'character', major: 1, minor: 5 },
  ]);
});

test('no link is followed on the way to a node', () => {
  assert.deepEqual(deviceNodes(process.pid, ['/proc/self/root/dev/null', '/dev/stdin']), []);
});

test('the devices of the host stand in for a process that has ended', () => {
  assert.deepEqual(deviceNodes(2 ** 30, ['/dev/null', '/none/null'], ''), [
    { path: '/dev/null', type: 'character', major: 1, minor: 3 },
  ]);
});
