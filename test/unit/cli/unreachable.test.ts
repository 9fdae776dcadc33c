import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyUnreachable } from '../../../src/cli/unreachable.js';
import { HauberkError, type StatusName } from '../../../src/client/index.js';

const failed = 'No connection established. Last error: ';

for (const [what, code, message, hasTls, expected] of [
  [
    'nobody listens',
    'UNAVAILABLE',
    `${failed}Error: connect ECONNREFUSED 10.0.0.1:1`,
    true,
    /: nothing listens there; is it running/u,
  ],
  [
    'the name is unknown',
    'UNAVAILABLE',
    'Name resolution failed for target dns:h:1',
    true,
    /: no such host \(--address/u,
  ],
  [
    'the certificate is wrong',
    'UNAVAILABLE',
    `${failed}Error: self-signed certificate`,
    true,
    /: Error: self-signed certificate \(--tls-ca, /u,
  ],
  ['TLS may be missing', 'UNAVAILABLE', `${failed}read ECONNRESET`, false, /: read ECONNRESET; does it want TLS\?/u],
  ['there is TLS', 'UNAVAILABLE', `${failed}read ECONNRESET. Resolution note: `, true, /: read ECONNRESET$/u],
  [
    'no answer comes',
    'DEADLINE_EXCEEDED',
    'Deadline exceeded',
    true,
    /has not answered within 30 s \(--timeout, HAUBERK_TIMEOUT\)$/u,
  ],
] as const) {
  test(`where ${what}, the cause is reported with what to do`, () => {
    const target = { address: 'h:1', hasTls, timeoutSeconds: 30 };
    assert.match(whyUnreachable(new HauberkError(code, message, []), target)!, expected);
  });
}

test('an error from the daemon itself is not changed', () => {
  const target = { address: 'h:1', hasTls: true, timeoutSeconds: 30 };
  for (const code of ['UNAVAILABLE', 'NOT_FOUND', 'INTERNAL'] satisfies StatusName[])
    assert.equal(
      whyUnreachable(new HauberkError(code, 'the change could not be written to disk', []), target),
      undefined,
    );
});
