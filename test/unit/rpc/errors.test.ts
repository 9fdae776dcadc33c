import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ServiceError, StatusObject } from '@grpc/grpc-js';
import { Failure, type FailureCode, invalidInput } from '../../../src/failure.js';
import { rateRefusal } from '../../../src/rpc/access/refusal.js';
import { toStatus } from '../../../src/rpc/errors.js';
import { readRefusal } from './support.js';

const read = (thrown: unknown) => readRefusal(toStatus(thrown) as ServiceError);

const detailsOf = ({ metadata }: Pick<StatusObject, 'metadata'>) =>
  (metadata.get('grpc-status-details-bin')[0] as Buffer).toString('latin1');

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

  test('carries its details in the bytes of google.rpc', () => {
    const problem = { field: 'spec.action', description: 'is wrong', line: 3, column: 5 };
    assert.equal(
      detailsOf(toStatus(invalidInput([problem, { field: '', description: 'is empty' }]))),
      [
        '\x08\x03\x12\x32line 3, column 5: spec.action: is wrong\n: is empty\x1a\x64',
        '\x0a\x29type.googleapis.com/google.rpc.BadRequest\x12\x37',
        '\x0a\x29\x0a\x0bspec.action\x12\x1aline 3, column 5: is wrong',
        '\x0a\x0a\x12\x08is empty',
      ].join(''),
    );
    const limit = rateRefusal({ identity: 'uid:7', role: undefined, address: 'unix:pid=1' }, 3, 1500);
    assert.equal(
      detailsOf(limit.status),
      [
        '\x08\x08\x12\x3euid:7 has sent more than 3 requests a second; retry in 1500 ms\x1a\x36',
        '\x0a\x28type.googleapis.com/google.rpc.RetryInfo\x12\x0a',
        '\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01',
      ].join(''),
    );
  });

  test('is well-formed text even where the input was not', () => {
    const { message, violations } = read(invalidInput([{ field: 'a\ud800', description: '\udc00b' }]));
    assert.equal(message, 'a\ufffd: \ufffdb');
    assert.deepEqual(violations, [['a\ufffd', '\ufffdb']]);
  });
});
