import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readManifest } from '../../../src/policy/manifest.js';
import { options, refusalOf } from './support.js';

const refusal = (text: string) => refusalOf(() => readManifest(text, options));
const MEBIBYTE = 1024 * 1024;

test('a text without a document is refused', () => {
  for (const text of ['', ' \n', '# only a comment\n', '---\n---\n', '~']) {
    assert.deepEqual(refusal(text), ['manifest: holds no policy']);
  }
});

test('a document that is not a mapping is refused', () => {
  for (const text of ['policy', '- a\n- b\n', '3']) {
    assert.deepEqual(refusal(text), ['line 1, column 1: manifest: must be a mapping']);
  }
});

test('errors of YAML have their position', () => {
  assert.deepEqual(refusal('kind: [a\n'), [
    'line 2, column 1: manifest: is not valid YAML: Flow sequence in block collection must be sufficiently indented ' +
      'and end with a ]',
  ]);
  assert.deepEqual(refusal('kind: "a\\qb"'), [
    'line 1, column 9: manifest: is not valid YAML: Invalid escape sequence \\q',
  ]);
  assert.deepEqual(refusal('? {a: b}\n: c\n'), [
    'line 1, column 3: manifest: is not valid YAML: With stringKeys, all keys must be strings',
  ]);
});

test('an invalid document does not hide the problems of others', () => {
  assert.deepEqual(refusal('kind: [a\n---\nkind: Pod\n'), [
    'line 2, column 1: document 1: manifest: is not valid YAML: Flow sequence in block collection must be ' +
      'sufficiently indented and end with a ]',
    'line 3, column 1: document 2: apiVersion: missing required field `apiVersion`',
    'line 3, column 7: document 2: kind: must be one of `KubeArmorPolicy`, `KubeArmorClusterPolicy`, `KubeArmorHostPolicy`, not `Pod`',
  ]);
});

test('an alias must refer to an earlier anchor that does not contain it', () => {
  assert.deepEqual(refusal('spec: *a\n'), ['line 1, column 7: spec: alias `*a` refers to no earlier anchor']);
  assert.deepEqual(refusal('spec: &a {file: *a}\n'), [
    'line 1, column 17: spec.file: alias `*a` refers to a value that contains it',
  ]);
});

test('aliases that multiply are refused before they are resolved', () => {
  const levels = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [name, below] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => [...pair] as [string, string])) {
    levels.push(`${name}: &${name} [${Array(10).fill(`*${below}`).join(', ')}]`);
  }
  assert.deepEqual(refusal(levels.join('\n')), [
    'line 4, column 36: d[7]: aliases that stand for more than 10000 values in all are not accepted',
  ]);
});

test('more aliases than a policy can need are refused', () => {
  assert.deepEqual(refusal(`a: &a x\nb:\n${'- *a\n'.repeat(200)}`), [
    'line 103, column 3: b[100]: more than 100 aliases are not accepted',
  ]);
});

test('a text beyond 4 MiB is refused by its bytes', () => {
  assert.deepEqual(refusal('é'.repeat(2 * MEBIBYTE + 1)), [
    'manifest: is 4194306 bytes long, at most 4194304 are accepted',
  ]);
});

test('nesting beyond the limit is refused at that position', () => {
  assert.deepEqual(refusal('['.repeat(4 * MEBIBYTE)), [
    'line 1, column 65: manifest: is nested too deeply, no policy is',
  ]);
});

test('more tokens than a manifest can need are refused', () => {
  assert.deepEqual(refusal('- a\n'.repeat(MEBIBYTE)), [
    'line 60001, column 1: manifest: holds more than 300000 YAML tokens',
  ]);
});

test('the first hundred problems are listed and the others counted, and it is said where reading ended', () => {
  const fields = Array.from({ length: 148 }, (_, index) => `x${index}: 1`).join('\n');
  const lines = refusal(`kind: KubeArmorPolicy\n${fields}\n`);
  assert.equal(lines.length, 101);
  assert.equal(lines[0], 'line 1, column 1: apiVersion: missing required field `apiVersion`');
  assert.equal(lines[100], 'manifest: has 51 more problems, not listed');
  const errors = refusal('}'.repeat(100_000));
  assert.equal(errors.length, 101);
  assert.equal(errors[100], 'line 1, column 101: manifest: the rest was not read, after so many errors');
  assert.equal(refusal('}'.repeat(100)).length, 100);
  const whole = () => readManifest('}'.repeat(1000), { ...options, problemsMax: Number.POSITIVE_INFINITY });
  assert.equal(refusalOf(whole).length, 1000);
});
