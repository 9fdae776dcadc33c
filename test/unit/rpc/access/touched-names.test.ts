import assert from 'node:assert/strict';
import { test } from 'node:test';
import { touchedNames } from '../../../../src/rpc/access/touched-names.js';

test('the names a write touches are those of its request and its changes, each once', () => {
  const policy = { name: 'a', namespace: '', rules: [{ id: 'file.matchPaths[0]' }] };
  const changes = [
    { namespace: 'default', name: 'a', containerIds: ['c1'] },
    { namespace: 'other', name: 'b', containerIds: [] },
  ];
  assert.deepEqual(touchedNames({ source: { $case: 'policy', value: policy } }, { changes }), ['default/a', 'other/b']);
  assert.deepEqual(touchedNames({ source: { $case: 'manifest', value: 'secret: text' } }, undefined), []);
  assert.deepEqual(touchedNames({ name: 'a', namespace: '' }, { containerIds: ['c1'] }), ['default/a']);
  assert.deepEqual(touchedNames({ id: 'c1', name: 'web', namespace: 'x' }), ['c1']);
  assert.deepEqual(touchedNames({ containers: [{ id: 'c1' }, { id: 'c2' }] }), ['c1', 'c2']);
});
