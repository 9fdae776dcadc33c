import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceError } from '@grpc/grpc-js';
import { Failure, type FailureCode, invalidInput } from '../../../src/failure.js';
import { toStatus } from '../../../src/rpc/errors.js';
import { readRefusal } from './support.js';

const read = (thrown: unknown) => readRefusal(toStatus(thrown) as ServiceError);

/** Bytes of the trailers, of which most clients accept 8 KiB. */
function trailerBytes(thrown: unknown): number {
  const { details, metadata } = toStatus(thrown);
  const [encoded] = metadata.get('grpc-status-details-bin') as Buffer[];
  return encodeURI(details).length + (encoded?.toString('base64').length ?? 0);
}

describe('the status of a failure', () => {
  const codes: [FailureCode, string][] = [
    ['invalid-argument', 'INVALID_ARGUMENT'],
    ['not-found', 'NOT_FOUND'],
    ['failed-precondition', 'FAILED_PRECONDITION'],
    ['resource-exhausted', 'RESOURCE_EXHAUSTED'],
    ['unavailable', 'UNAVAILABLE'],
    ['internal', 'INTERNAL'],
  ];
  for (const [code, name] of codes) {
    test(`has code ${name} for ${code}`, () => {
      assert.deepEqual(read(new Failure(code, 'why')), { code: name, message: 'why', violations: [] });
    });
  }

  test('carries problems as a BadRequest, with line and column in the description', () => {
    const failure = invalidInput([
      { field: 'spec.action', description: 'is wrong', line: 3, column: 5 },
      { field: 'name', description: 'is empty' },
    ]);
    assert.deepEqual(read(failure), {
      code: 'INVALID_ARGUMENT',
      message: 'line 3, column 5: spec.action: is wrong\nname: is empty',
      violations: [
        ['spec.action', 'line 3, column 5: is wrong'],
        ['name', 'is empty'],
      ],
    });
  });

  test('hides the text of errors other than Failure', () => {
    const expected = { code: 'INTERNAL', message: 'internal error, see the log of hauberkd', violations: [] };
    assert.deepEqual(read(new TypeError('secret')), expected);
    assert.deepEqual(read('secret'), expected);
    assert.deepEqual(read(undefined), expected);
  });

  test('fits into the trailers however many problems there are', () => {
    const description = 'é'.repeat(40);
    const problems = Array.from({ length: 100 }, (_, index) => ({ field: `rules[${index}]`, description }));
    const { message, violations } = read(invalidInput(problems));
    assert.match(message, /^rules\[0\]: é+\n(?:.*\n)+and \d+ more$/u);
    assert.equal(violations[0]?.[0], 'rules[0]');
    assert.deepEqual(violations.at(-1), ['', `${100 - violations.length + 1} more not listed`]);
    assert.ok(violations.length > 10);
    assert.ok(trailerBytes(invalidInput(problems)) < 8000);
  });

  test('adds unlisted problems to those that were already left out', () => {
    const problems = Array.from({ length: 100 }, (_, index) => ({
      field: `rules[${index}]`,
      description: 'x'.repeat(60),
    }));
    const rest = { field: 'manifest', description: 'has 400 more problems, not listed', more: 400 };
    const { message, violations } = read(invalidInput([...problems, rest]));
    const [, listed] = /^rules\[(\d+)\].*\nand \d+ more$/mu.exec(message)!;
    assert.ok(message.endsWith(`\nand ${500 - Number(listed) - 1} more`), message);
    assert.deepEqual(violations.at(-1), ['', `${500 - violations.length + 1} more not listed`]);
  });

  test('fits into the trailers however long one problem is', () => {
    const failure = invalidInput([{ field: 'name', description: '😀'.repeat(5000) }]);
    const { message, violations } = read(failure);
    assert.match(message, /^name: 😀+…$/u);
    assert.deepEqual(violations, [['', '1 more not listed']]);
    assert.ok(trailerBytes(failure) < 8000);
  });

  test('is well-formed text even where the input was not', () => {
    const { message, violations } = read(invalidInput([{ field: 'a\ud800', description: '\udc00b' }]));
    assert.equal(message, 'a\ufffd: \ufffdb');
    assert.deepEqual(violations, [['a\ufffd', '\ufffdb']]);
  });
});
