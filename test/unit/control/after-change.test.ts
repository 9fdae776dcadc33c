import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterChange } from '../../../src/control/after-change.js';
import { eventually } from '../../support/eventually.js';

test('after a change clients are notified, expiry is scheduled, profiles select again and a waiting start continues', async () => {
  const reported: string[] = [];
  const call = (name: string) => () => void reported.push(name);
  const failure = new Error('no');
  const errors: object[] = [];
  afterChange({
    host: { announce: call('host') },
    expiry: { schedule: call('expiry') },
    recordings: { changed: call('recordings') },
    start: {
      changed: async () => {
        reported.push('start');
        throw failure;
      },
    },
    logger: { error: (fields) => void errors.push(fields) },
  });
  assert.deepEqual(reported, ['host', 'expiry', 'recordings', 'start']);
  await eventually(() => errors.length > 0);
  assert.deepEqual(errors, [{ err: failure }]);
});
