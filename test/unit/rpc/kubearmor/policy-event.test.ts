import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Failure } from '../../../../src/failure.js';
import { readPolicyEvent } from '../../../../src/rpc/kubearmor/policy-event.js';
import { InMemoryControlPlane } from '../../../support/in-memory-control-plane.js';

const { policies } = new InMemoryControlPlane();

function isReadOrRefused(bytes: Uint8Array): void {
  try {
    policies.readDocument(readPolicyEvent(bytes, ['KubeArmorPolicy']).document);
  } catch (thrown) {
    assert.ok(thrown instanceof Failure, String(thrown));
    assert.equal(thrown.code, 'invalid-argument');
  }
}

test('any bytes are read or refused as bad input', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => isReadOrRefused(bytes)),
    { numRuns: 200 },
  );
});

test('any JSON in place of a policy or of a part of one is read or refused as bad input', () => {
  const selector = { matchLabels: { app: 'web' } };
  const file = { matchPaths: [{ path: '/x' }] };
  const parts: readonly ((value: unknown) => unknown)[] = [
    (value) => value,
    (object) => ({ type: 'ADDED', object }),
    (metadata) => ({ type: 'ADDED', object: { metadata, spec: { selector, file } } }),
    (spec) => ({ type: 'ADDED', object: { metadata: { name: 'p' }, spec } }),
    (value) => ({ type: 'ADDED', object: { metadata: { name: 'p' }, spec: { selector: value, file } } }),
    (value) => ({ type: 'ADDED', object: { metadata: { name: 'p' }, spec: { selector, file: value } } }),
    (value) => ({
      type: 'ADDED',
      object: { metadata: { name: 'p' }, spec: { selector, file: { matchPaths: value } } },
    }),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...parts), fc.jsonValue(), (part, value) =>
      isReadOrRefused(Buffer.from(JSON.stringify(part(value)))),
    ),
    { numRuns: 500 },
  );
});

test('names of built-in object properties are treated like any other name', () => {
  const text =
    '{"type":"ADDED","object":{"metadata":{"name":"p"},"spec":{"selector":{"matchLabels":{"app":"web"}},"file":{"matchPaths":[{"path":"/x"}]},"__proto__":{"action":"Allow"}}}}';
  assert.throws(() => policies.readDocument(readPolicyEvent(Buffer.from(text), ['KubeArmorPolicy']).document), {
    code: 'invalid-argument',
    message: /__proto__/,
  });
});

test('a specification that is nested too deeply is refused like any other bad input', () => {
  for (const [open, close] of [
    ['{"a":', '}'],
    ['[', ']'],
    ['[{"a":', '}]'],
  ] as const) {
    const levels = 200_000;
    const file = `${open.repeat(levels)}1${close.repeat(levels)}`;
    const spec = `{"selector":{"matchLabels":{"app":"web"}},"file":${file}}`;
    isReadOrRefused(Buffer.from(`{"type":"ADDED","object":{"metadata":{"name":"p"},"spec":${spec}}}`));
  }
});
