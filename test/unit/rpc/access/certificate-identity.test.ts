import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PeerCertificate } from 'node:tls';
import { identityOf } from '../../../../src/rpc/access/certificate-identity.js';

const identity = (subjectaltname: string | undefined, commonName?: string | string[]) =>
  identityOf({ subjectaltname, subject: { CN: commonName } } as unknown as PeerCertificate);

describe('the identity of a certificate', () => {
  test('is its SPIFFE id or, without one, its common name', () => {
    assert.equal(identity('DNS:host, URI:spiffe://example.org/a', 'name'), 'spiffe://example.org/a');
    assert.equal(identity('DNS:host, URI:https://example.org', 'name'), 'cn:name');
    assert.equal(identity(undefined, 'name'), 'cn:name');
  });

  test('is empty if the certificate has two SPIFFE ids, or no name', () => {
    assert.equal(identity('URI:spiffe://example.org/a, URI:spiffe://example.org/b', 'name'), undefined);
    assert.equal(identity(undefined, ['name', 'other']), undefined);
    assert.equal(identity(undefined), undefined);
    assert.equal(identity('', ''), undefined);
  });

  test('is not taken from within another name, nor from a list that cannot be read', () => {
    assert.equal(identity('DNS:"x, URI:spiffe://example.org/a"', 'name'), 'cn:name');
    assert.equal(identity('DNS:"x\\", URI:spiffe://example.org/a"', 'name'), 'cn:name');
    assert.equal(identity('DNS:"x, URI:spiffe://example.org/a', 'name'), undefined);
    assert.equal(identity('URI:spiffe://example.org/a, nonsense', 'name'), undefined);
  });
});
