import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect } from 'node:tls';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { Failure } from '../../../src/failure.js';
import { ContainerServiceClient } from '../../../src/generated/hauberk/v1/container.js';
import { HostServiceClient } from '../../../src/generated/hauberk/v1/host.js';
import { PolicyServiceClient } from '../../../src/generated/hauberk/v1/policy.js';
import { NO_ASSIGNMENTS } from '../../../src/rpc/access/role.js';
import type { RunningServer } from '../../../src/rpc/server.js';
import { CertificateAuthority } from '../../support/certificates.js';
import { clientCredentials, connectWith, serveTls, until } from './access-support.js';
import { answerOf, manifest, refusal, temporaryDirectory } from './support.js';

const roles = {
  viewer: ['cn:dashboard'],
  operator: ['spiffe://example.org/runtime'],
  admin: ['spiffe://example.org/controller'],
};

const status = (t: TestContext, server: RunningServer, channel: ChannelCredentials) =>
  answerOf(connectWith(t, HostServiceClient, server, channel), (c) => c.getStatus, {});

describe('a server with TLS', () => {
  test('gives clients the role of their SPIFFE id or their common name', async (t) => {
    const { server, authority } = await serveTls(t, { roles });
    const channelOf = (name: string, subject: string, ...names: string[]) =>
      clientCredentials(authority.pem, authority.issue(name, subject, names));
    const viewer = channelOf('viewer', '/CN=dashboard');
    const operator = channelOf('operator', '/CN=any', 'URI:spiffe://example.org/runtime');
    const admin = channelOf('admin', '/CN=any', 'URI:spiffe://example.org/controller');
    const unregister = (channel: ChannelCredentials) =>
      refusal(
        answerOf(connectWith(t, ContainerServiceClient, server, channel), (c) => c.unregisterContainer, { id: 'x' }),
      );
    const apply = (channel: ChannelCredentials) =>
      answerOf(connectWith(t, PolicyServiceClient, server, channel), (c) => c.applyPolicy, {
        source: { $case: 'manifest', value: manifest('a') },
        expectedVersions: {},
        force: false,
      });

    assert.equal((await status(t, server, viewer)).version, '1.2.3');
    assert.deepEqual(await unregister(viewer), {
      code: 'PERMISSION_DENIED',
      message:
        '/hauberk.v1.ContainerService/UnregisterContainer needs the role operator; cn:dashboard has the role viewer',
      violations: [],
    });
    assert.equal((await unregister(operator)).code, 'NOT_FOUND');
    assert.deepEqual(await refusal(apply(operator)), {
      code: 'PERMISSION_DENIED',
      message:
        '/hauberk.v1.PolicyService/ApplyPolicy needs the role admin; spiffe://example.org/runtime has the role operator',
      violations: [],
    });
    assert.equal((await apply(admin)).changes[0]?.name, 'a');
  });

  test('returns PERMISSION_DENIED to a certificate without a role', async (t) => {
    const { server, authority, counts } = await serveTls(t, { roles });
    const outsider = clientCredentials(authority.pem, authority.issue('stranger', '/CN=stranger'));
    assert.deepEqual(await refusal(status(t, server, outsider)), {
      code: 'PERMISSION_DENIED',
      message: '/hauberk.v1.HostService/GetStatus needs the role viewer; cn:stranger has no role',
      violations: [],
    });
    assert.deepEqual(counts.refusals, ['no_role']);
  });

  test('ignores a common name beside a SPIFFE id, and a certificate with two SPIFFE ids', async (t) => {
    const { server, authority } = await serveTls(t, { roles });
    const beside = authority.issue('beside', '/CN=dashboard', ['URI:spiffe://example.org/other']);
    const two = ['URI:spiffe://example.org/controller', 'URI:spiffe://example.org/other'];
    for (const files of [beside, authority.issue('two', '/CN=dashboard', two)]) {
      const { code } = await refusal(status(t, server, clientCredentials(authority.pem, files)));
      assert.equal(code, 'PERMISSION_DENIED');
    }
  });

  test('refuses clients without a certificate, with one of another authority, or with an expired one', async (t) => {
    const { server, authority, counts, logger } = await serveTls(t, { roles });
    const other = new CertificateAuthority(temporaryDirectory(t), 'other');
    const name = ['URI:spiffe://example.org/controller'];
    const channels = [
      clientCredentials(authority.pem),
      clientCredentials(authority.pem, other.issue('foreign', '/CN=dashboard', name)),
      clientCredentials(authority.pem, authority.issue('expired', '/CN=dashboard', name, -1)),
    ];
    for (const channel of channels) assert.equal((await refusal(status(t, server, channel))).code, 'UNAVAILABLE');
    assert.ok(counts.refusals.length >= channels.length);
    assert.deepEqual([...new Set(counts.refusals)], ['handshake']);
    assert.deepEqual(counts.requests, []);
    const { level, fields, message } = logger.lines[0]!;
    assert.equal(`${level}: ${message}`, 'warn: connection refused');
    assert.equal(fields.reason, 'handshake');
    assert.match(String(fields.peer), /^127\.0\.0\.1:\d+$/u);
  });

  test('accepts only TLS 1.3', async (t) => {
    const { server, authority } = await serveTls(t, { roles });
    const files = authority.issue('viewer', '/CN=dashboard');
    const handshake = async (options: ConnectionOptions) => {
      const socket = connect({
        host: '127.0.0.1',
        port: Number(server.address.split(':')[1]),
        ca: authority.pem,
        key: readFileSync(files.key),
        cert: readFileSync(files.certificate),
        servername: 'localhost',
        ALPNProtocols: ['h2'],
        ...options,
      });
      t.after(() => socket.destroy());
      await once(socket, 'secureConnect');
      return socket.getProtocol();
    };
    assert.equal(await handshake({}), 'TLSv1.3');
    await assert.rejects(handshake({ maxVersion: 'TLSv1.2' }), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  });

  test('does not start with files it cannot use, and names the file', async (t) => {
    const directory = temporaryDirectory(t);
    const authority = new CertificateAuthority(directory);
    const good = authority.issue('good', '/CN=server');
    const other = authority.issue('other', '/CN=server');
    const expired = authority.issue('expired', '/CN=server', [], -1);
    const clientCa = authority.certificate;
    for (const [tls, message] of [
      [{ ...good, key: other.key, clientCa }, `${other.key} is not the key of ${good.certificate}`],
      [{ ...good, clientCa: good.key }, `${good.key} cannot be used: there is no certificate in it`],
      [{ ...expired, clientCa }, `${expired.certificate} has expired on `],
      [{ ...good, certificate: '/none', clientCa }, '/none cannot be used: ENOENT'],
    ] as const) {
      await assert.rejects(serveTls(t, { tls, roles: NO_ASSIGNMENTS }), (thrown) => {
        assert.ok(thrown instanceof Failure);
        assert.equal(thrown.code, 'failed-precondition');
        assert.ok(thrown.message.startsWith(message), thrown.message);
        return true;
      });
    }
  });

  test('ends a connection that is not HTTP/2 and continues', async (t) => {
    const { server, authority } = await serveTls(t, { roles });
    const files = authority.issue('viewer', '/CN=dashboard');
    const key = readFileSync(files.key);
    const cert = readFileSync(files.certificate);
    const socket = connect({
      host: '127.0.0.1',
      port: Number(server.address.split(':')[1]),
      servername: 'localhost',
      ca: authority.pem,
      key,
      cert,
    });
    let isClosed = false;
    socket
      .on('error', () => undefined)
      .on('close', () => {
        isClosed = true;
      });
    socket.resume().write('GET / HTTP/1.1\r\n\r\n');
    await until(() => isClosed);
    assert.equal((await status(t, server, clientCredentials(authority.pem, files))).version, '1.2.3');
  });
});
