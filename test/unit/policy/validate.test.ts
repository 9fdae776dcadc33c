import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '../../../src/failure.js';
import type { PolicyDocument } from '../../../src/policy/policy-document.js';
import { readPolicy, warningsOf } from '../../../src/policy/validate.js';
import { makePolicy, makeRule, options, refusalOf } from './support.js';

const document: PolicyDocument = {
  metadata: { name: 'sample' },
  spec: { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/etc/shadow' }] } },
};

test('a typed document needs neither apiVersion nor kind', () => {
  assert.deepEqual(readPolicy(document, options), makePolicy());
});

test('undefined and null are ignored', () => {
  const spec = { ...document.spec, process: undefined, severity: null, tags: undefined, action: null, message: null };
  assert.deepEqual(readPolicy({ ...document, kind: null, apiVersion: undefined, spec }, options), makePolicy());
});

test('an empty message or list of tags inherits', () => {
  const file = { tags: ['a'], message: 'b', matchPaths: [{ path: '/etc/shadow', tags: [], message: '' }] };
  const policy = readPolicy({ ...document, spec: { ...document.spec, file } }, options);
  assert.deepEqual(policy.rules, [makeRule({ tags: ['a'], message: 'b' })]);
});

test('a kind that is given must be valid', () => {
  assert.deepEqual(
    refusalOf(() => readPolicy({ ...document, kind: 'KubeArmorHostPolic' }, options)),
    [
      'kind: must be one of `KubeArmorPolicy`, `KubeArmorClusterPolicy`, `KubeArmorHostPolicy`, not ' +
        '`KubeArmorHostPolic`, did you mean `KubeArmorHostPolicy`?',
    ],
  );
});

test('problems have fields but no positions', () => {
  const file = { matchPaths: [{ path: 'x' }], matchDirectories: [{ dir: '/x' }] };
  assert.throws(
    () => readPolicy({ ...document, spec: { ...document.spec, file } }, options),
    (thrown: unknown) => {
      assert.ok(thrown instanceof Failure);
      assert.deepEqual(thrown.problems, [
        { field: 'spec.file.matchPaths[0].path', description: 'must be absolute, that is start with `/`' },
        { field: 'spec.file.matchDirectories[0].dir', description: 'must end in `/`' },
      ]);
      return true;
    },
  );
});

test('a document that is not an object is refused', () => {
  for (const value of [undefined, null, 1, 'x', []]) {
    assert.deepEqual(
      refusalOf(() => readPolicy(value, options)),
      ['manifest: must be a mapping'],
    );
  }
});

test('a malformed pattern is refused, with the place in it', () => {
  const spec = { ...document.spec, file: { matchPatterns: [{ pattern: '/etc/*' }, { pattern: '/etc/{a' }] } };
  assert.deepEqual(
    refusalOf(() => readPolicy({ ...document, spec }, options)),
    ['spec.file.matchPatterns[1].pattern: has a `{` that no `}` closes (at character 6)'],
  );
});

test('a policy shares nothing with its document', () => {
  const tags = ['a'];
  const labels = { app: 'web' };
  const spec = { ...document.spec, tags, selector: { matchLabels: labels } };
  const policy = readPolicy({ ...document, spec }, options);
  tags.push('b');
  labels.app = 'other';
  assert.deepEqual([policy.rules[0]!.tags, policy.matchLabels], [['a'], { app: 'web' }]);
});

test('only a policy that selects by no label gets a warning', () => {
  assert.deepEqual(warningsOf(makePolicy()), []);
  assert.deepEqual(warningsOf(makePolicy({ namespace: 'shop', matchLabels: {} })), [
    'spec.selector is empty, so the policy reaches every container of namespace `shop`',
  ]);
});
