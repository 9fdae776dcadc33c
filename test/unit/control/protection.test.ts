import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnprotectedContainers } from '../../../src/control/protection.js';

test('an unprotected container is reported with the time of its first failure, until it is registered', () => {
  let changes = 0;
  const unprotected = new UnprotectedContainers(() => changes++);
  const description = { id: 'c1', name: 'c1', namespace: 'n', labels: {}, origin: 'docker' } as const;
  unprotected.put(description, 'store', 'the disk is full', 1);
  unprotected.put(description, 'kernel', 'no memory', 2);
  unprotected.put({ ...description, id: 'c2' }, 'lookup', 'gone', 3);
  assert.deepEqual(
    unprotected.list().map(({ description: { id }, cause, reason, since }) => [id, cause, reason, since]),
    [
      ['c1', 'kernel', 'no memory', 1],
      ['c2', 'lookup', 'gone', 3],
    ],
  );
  assert.equal(changes, 3);
  unprotected.delete('c1');
  unprotected.delete('c1');
  assert.deepEqual([changes, unprotected.get('c1'), unprotected.get('c2')?.cause], [4, undefined, 'lookup']);
});
