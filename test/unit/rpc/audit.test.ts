import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { ContainerServiceClient } from '../../../src/generated/hauberk/v1/container.js';
import { PolicyServiceClient } from '../../../src/generated/hauberk/v1/policy.js';
import type { Role } from '../../../src/rpc/access/role.js';
import { connectWith, serveGuarded, until } from './access-support.js';
import { answerOf, FIRST_PAGE, LogRecorder, manifest, refusal } from './support.js';

const serveAs = (t: TestContext, role: Role) => {
  const auditLogger = new LogRecorder();
  return serveGuarded(t, { listen: '127.0.0.1:0', insecureTcp: { role }, auditLogger }).then((guarded) => ({
    ...guarded,
    lines: auditLogger.lines,
  }));
};
const applied = (text: string) => ({
  source: { $case: 'manifest' as const, value: text },
  expectedVersions: {},
  force: false,
});

describe('the audit log', () => {
  test('contains who changed what, from where and with which result, but not the manifest', async (t) => {
    const { server, lines, logger } = await serveAs(t, 'admin');
    const policies = connectWith(t, PolicyServiceClient, server);
    const containers = connectWith(t, ContainerServiceClient, server);
    await answerOf(policies, (c) => c.applyPolicy, applied(`${manifest('a')}---\n${manifest('b', '/x', 'other')}`));
    await answerOf(policies, (c) => c.listPolicies, { namespace: '', ...FIRST_PAGE });
    await answerOf(policies, (c) => c.deletePolicy, { name: 'a', namespace: '', expectedVersion: 0n, scope: 0 });
    await refusal(
      answerOf(policies, (c) => c.deletePolicy, { name: 'a', namespace: '', expectedVersion: 0n, scope: 0 }),
    );
    await refusal(answerOf(policies, (c) => c.applyPolicy, applied('kind: secret\n')));
    await answerOf(containers, (c) => c.registerContainer, {
      id: 'c1',
      name: 'web',
      namespace: '',
      labels: {},
      identity: { $case: 'pid', value: process.pid },
    });
    await answerOf(containers, (c) => c.unregisterContainer, { id: 'c1' });
    await until(() => lines.length === 6);
    assert.deepEqual(
      lines.map(({ fields: { method, names, code } }) => [String(method).split('/')[2], names, code]),
      [
        ['ApplyPolicy', ['default/a', 'other/b'], 'OK'],
        ['DeletePolicy', ['default/a'], 'OK'],
        ['DeletePolicy', ['default/a'], 'NOT_FOUND'],
        ['ApplyPolicy', [], 'INVALID_ARGUMENT'],
        ['RegisterContainer', ['c1'], 'OK'],
        ['UnregisterContainer', ['c1'], 'OK'],
      ],
    );
    for (const { fields, level, message } of lines) {
      assert.equal(`${level}: ${message}`, 'info: write');
      assert.deepEqual(Object.keys(fields).sort(), [
        'audit',
        'code',
        'durationMilliseconds',
        'identity',
        'method',
        'names',
        'peer',
        'role',
      ]);
      assert.deepEqual([fields.audit, fields.identity, fields.role], [true, 'tcp:127.0.0.1', 'admin']);
      assert.match(String(fields.peer), /^127\.0\.0\.1:\d+$/u);
    }
    assert.deepEqual(logger.lines, []);
  });

  test('has a line for each refused call, and the metrics count it', async (t) => {
    const { server, lines, counts } = await serveAs(t, 'operator');
    await refusal(answerOf(connectWith(t, PolicyServiceClient, server), (c) => c.applyPolicy, applied(manifest('a'))));
    await until(() => lines.length === 1);
    const { level, fields, message } = lines[0]!;
    assert.equal(`${level}: ${message}`, 'warn: call refused');
    assert.deepEqual(
      { ...fields, peer: '' },
      {
        audit: true,
        identity: 'tcp:127.0.0.1',
        role: 'operator',
        peer: '',
        method: '/hauberk.v1.PolicyService/ApplyPolicy',
        reason: 'role',
        code: 'PERMISSION_DENIED',
      },
    );
    assert.deepEqual(counts.refusals, ['role']);
    assert.deepEqual(counts.requests, ['/hauberk.v1.PolicyService/ApplyPolicy PERMISSION_DENIED']);
  });
});
