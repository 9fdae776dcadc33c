import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientNameProblem, includesRole, roleOf } from '../../../../src/rpc/access/role.js';

describe('a role', () => {
  test('includes those below it', () => {
    assert.ok(
      includesRole('admin', 'viewer') && includesRole('operator', 'viewer') && includesRole('viewer', 'viewer'),
    );
    assert.ok(!includesRole('viewer', 'operator') && !includesRole('operator', 'admin'));
  });

  test('is the highest that is given to any name of a client', () => {
    const roles = { viewer: ['gid:5', 'cn:a'], operator: [], admin: ['uid:7'] };
    assert.equal(roleOf(['uid:7', 'gid:5'], roles), 'admin');
    assert.equal(roleOf(['uid:8', 'gid:5'], roles), 'viewer');
    assert.equal(roleOf(['uid:5'], roles), undefined);
  });
});

describe('the name of a client', () => {
  for (const name of ['spiffe://example.org/ns/a/sa/b', 'spiffe://e/x', 'cn:Jane Doe', 'uid:0', 'gid:4294967295']) {
    test(`may be ${name}`, () => assert.equal(clientNameProblem(name), undefined));
  }

  for (const [name, problem] of [
    ['spiffe://example.org', 'is not a SPIFFE id'],
    ['spiffe://Example.org/a', 'is not a SPIFFE id'],
    ['spiffe://example.org/../a', 'is not a SPIFFE id'],
    ['spiffe://example.org/a/', 'is not a SPIFFE id'],
    ['cn:', 'must be followed by a common name'],
    ['uid:root', 'must have a decimal number after the colon'],
    ['gid:01', 'must have a decimal number after the colon'],
    ['dashboard', 'must begin with spiffe://, cn:, user:, group:, uid: or gid:'],
  ] as const) {
    test(`may not be ${name}`, () => assert.ok(clientNameProblem(name)?.endsWith(problem)));
  }
});
