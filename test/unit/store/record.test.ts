import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeRecord, digestOf, encodeRecord } from '../../../src/store/record.js';
import { reasonOf, writeFailure } from '../../../src/store/store-failure.js';

test('a value is read back from its record, and not from a modified one', () => {
  const value = { name: 'a\nb', count: 7 };
  const text = encodeRecord(value);
  assert.deepEqual(decodeRecord(text), value);
  assert.match(text, /^1 [0-9a-f]{64} \{"name":"a\\nb","count":7\}$/u);
  for (const other of [text.replace('7', '8'), text.replace(/^1/u, '2'), `${text} `, text.slice(0, -1), '', 'x'])
    assert.equal(decodeRecord(other), undefined, other);
});

test('a digest distinguishes records by keys and values', () => {
  const [one, other] = [encodeRecord('one'), encodeRecord('other')];
  const digests = [digestOf('a', one), digestOf('a', other), digestOf('b', one)];
  assert.equal(new Set(digests).size, 3);
  assert.equal(digestOf('a', one), digests[0]);
  for (const digest of digests) assert.ok(digest > 2n ** 64n && digest < 2n ** 128n, `${digest}`);
});

test('the error of a failed write has the directory and the reason, and whether space is missing', () => {
  const failed = (text: string) => {
    const { code, message } = writeFailure('/state', new Error(text));
    return [code, message];
  };
  assert.deepEqual(failed('IO error: /state/3.log: No space left on device'), [
    'resource-exhausted',
    'cannot write to /state: no space left on device',
  ]);
  assert.deepEqual(failed("EDQUOT: disk quota exceeded, open '/state/x'"), [
    'resource-exhausted',
    'cannot write to /state: disk quota exceeded',
  ]);
  assert.deepEqual(failed("EROFS: read-only file system, open '/state/x'"), [
    'unavailable',
    'cannot write to /state: read-only file system',
  ]);
  const cause = new Error('Corruption: bad block');
  const error = Object.assign(new Error('Database failed to open'), { cause });
  assert.equal(reasonOf(error), 'Corruption: bad block');
  assert.equal(writeFailure('/state', error).cause, error);
});
