import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LayerTrial } from '../../../src/kernel/layer-trial.js';

test('a root that is not on an overlay, or that no longer exists, is reported with the cause', () => {
  const trial = new LayerTrial(undefined);
  assert.deepEqual(trial.examine('/proc', process.pid), {
    problem: 'its root is on a filesystem of type 0x9fa0, not on overlayfs',
  });
  assert.deepEqual(trial.examine('/proc/0/root', process.pid), {
    problem: "its root could not be looked at: ENOENT: no such file or directory, statfs '/proc/0/root/'",
  });
});
