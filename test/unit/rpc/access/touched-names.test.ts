import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PolicyOrigin, Scope } from '../../../../src/generated/hauberk/v1/policy.js';
import { touchedNames } from '../../../../src/rpc/access/touched-names.js';

test('the names in the audit log of a write are those in its request and its changes, each once', () => {
  const policy = { name: 'a', namespace: '', rules: [{ id: 'file.matchPaths[0]' }] };
  const changes = [
    { namespace: 'default', name: 'a', containerIds: ['c1'] },
    { namespace: 'other', name: 'b', containerIds: [] },
  ];
  assert.deepEqual(touchedNames({ source: { $case: 'policy', value: policy } }, { changes }), ['default/a', 'other/b']);
  assert.deepEqual(touchedNames({ source: { $case: 'manifest', value: 'secret: text' } }, undefined), []);
  assert.deepEqual(touchedNames({ name: 'a', namespace: '' }, { containerIds: ['c1'] }), ['default/a']);
  assert.deepEqual(touchedNames({ name: 'a', namespace: '', scope: Scope.CLUSTER }), ['cluster:a']);
  assert.deepEqual(touchedNames({ name: 'a', namespace: '', scope: 'host' }), ['host:a']);
  assert.deepEqual(touchedNames({ id: 'c1', name: 'web', namespace: 'x' }), ['c1']);
  assert.deepEqual(touchedNames({ containers: [{ id: 'c1' }, { id: 'c2' }] }), ['c1', 'c2']);
});

test('a name that several origins can have is given with its origin', () => {
  const { RPC, CLI, KUBERNETES } = PolicyOrigin;
  const policy = { name: 'a', namespace: '', rules: [] };
  const change = { namespace: 'default', name: 'a', origin: CLI };
  const request = { source: { $case: 'policy', value: policy }, origin: CLI };
  assert.deepEqual(touchedNames(request, { changes: [change] }), ['cli:default/a']);
  assert.deepEqual(touchedNames({ changes: [change, { ...change, origin: RPC }] }), ['cli:default/a', 'default/a']);
  assert.deepEqual(touchedNames({ name: 'a', namespace: 'shop', scope: Scope.NAMESPACE, origin: KUBERNETES }), [
    'kubernetes:shop/a',
  ]);
  assert.deepEqual(touchedNames({ name: 'a', scope: Scope.HOST, namespace: '', origin: CLI }), ['cli:host:a']);
});
