import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ListReader } from '../../../src/kubernetes/list-reader.js';
import { finish } from '../../../src/steps.js';

function read(parts: readonly Buffer[]) {
  const reader = new ListReader();
  for (const part of parts) finish(reader.take(part));
  return reader.end();
}

const ITEMS = [
  { metadata: { name: 'a' }, spec: { items: [{ deep: ['}', ']', '"', '\\', '\\"', 'ü€😀'] }], list: [[], {}] } },
  { metadata: { name: '"items":[' }, spec: {} },
  {},
];

test('a list is read whatever comes before or after its items, and however the response is chunked', () => {
  const metadata = { resourceVersion: '7', continue: 'items', items: { no: [1] } };
  const forms = [
    { kind: 'ThingList', apiVersion: 'v1', metadata, items: ITEMS },
    { apiVersion: 'v1', items: ITEMS, kind: 'ThingList', metadata },
  ];
  for (const form of forms)
    for (const text of [JSON.stringify(form), JSON.stringify(form, undefined, 2)]) {
      const whole = Buffer.from(text);
      for (let cut = 0; cut <= whole.length; cut++) {
        const list = read([whole.subarray(0, cut), whole.subarray(cut)]);
        assert.deepEqual(list, { ...form, bytes: whole.length });
      }
      assert.deepEqual(read(Array.from(whole, (byte) => Buffer.from([byte]))).items, ITEMS);
    }
});

test('a list with missing, empty or null items is empty, and a response that is not a list, or cut off, is refused', () => {
  const head = { kind: 'ThingList', apiVersion: 'v1', metadata: { resourceVersion: '1' } };
  for (const form of [head, { ...head, items: [] }, { ...head, items: null }])
    assert.deepEqual(read([Buffer.from(JSON.stringify(form))]).items, []);
  const whole = Buffer.from(JSON.stringify({ items: ITEMS, ...head }));
  for (const end of [0, 10, whole.length - 1]) assert.throws(() => read([whole.subarray(0, end)]), SyntaxError);
  assert.throws(() => read([Buffer.from('<html>not found</html>')]), SyntaxError);
  assert.throws(() => read([Buffer.from('{"items":[{"a":}]}')]), SyntaxError);
});

test('an object larger than any of Kubernetes ends reading, and so does too much data beside the items', () => {
  const long = Buffer.alloc(1024 * 1024, 'x');
  for (const begin of ['{"items":[{"a":"', '{"a":"'])
    assert.throws(
      () => read([Buffer.from(begin), ...Array.from({ length: 17 }, () => long)]),
      /more than 16777216 bytes/u,
    );
});
