import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { credentials } from '@grpc/grpc-js';
import { parseConfig } from '../../../../src/config/config.js';
import { Failure } from '../../../../src/failure.js';
import { ServerReflectionClient } from '../../../../src/generated/grpc/reflection/v1/reflection.js';
import { HealthCheckResponse_ServingStatus, HealthClient } from '../../../../src/generated/health/v1/health.js';
import { kubearmorListeners } from '../../../../src/rpc/kubearmor/listen.js';
import { CertificateAuthority } from '../../../support/certificates.js';
import { clientCredentials } from '../access-support.js';
import { answerOf, temporaryDirectory } from '../support.js';
import { serveKubearmor } from './support.js';

const event = {
  type: 'ADDED',
  object: {
    metadata: { name: 'p' },
    spec: { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: '/x' }] } },
  },
};

function configured(...flags: string[]) {
  return parseConfig(flags, () => assert.fail('no file was named'));
}

function refusal(...flags: string[]): string {
  try {
    configured(...flags);
  } catch (thrown) {
    assert.ok(thrown instanceof Failure);
    return thrown.message;
  }
  return assert.fail('the flags were accepted');
}

test("KubeArmor's clients are not served by default, and with the flag on every address that it names", () => {
  const { kubearmorListen, kubearmorTcpRole, kubearmorTlsDirectory } = configured();
  assert.deepEqual([kubearmorListen, kubearmorTcpRole, kubearmorTlsDirectory], ['off', 'viewer', undefined]);
  const access = { listen: 'off', tlsDirectory: undefined, tcpRole: 'viewer' } as const;
  assert.deepEqual(kubearmorListeners(access), []);
  const both = '127.0.0.1:32767,unix:/run/hauberk/kubearmor.sock';
  assert.equal(configured('--kubearmor-listen', both).kubearmorListen, both);
  assert.deepEqual(kubearmorListeners({ ...access, listen: both }), [
    { listen: '127.0.0.1:32767', insecureTcp: { role: 'viewer' } },
    { listen: 'unix:/run/hauberk/kubearmor.sock' },
  ]);
  assert.deepEqual(kubearmorListeners({ ...access, listen: '0.0.0.0:32767', tlsDirectory: '/tls' }), [
    {
      listen: '0.0.0.0:32767',
      tls: { certificate: '/tls/server.crt', key: '/tls/server.key', clientCa: '/tls/ca.crt' },
    },
  ]);
});

test('an address that cannot be served is refused by name', () => {
  const listen = '--kubearmor-listen';
  assert.equal(
    refusal(listen, '0.0.0.0:32767'),
    '--kubearmor-listen: "0.0.0.0:32767" is not a loopback address, and others need --kubearmor-tls-directory',
  );
  assert.equal(refusal(listen, '32767'), '--kubearmor-listen: "32767" is neither unix:PATH nor ADDRESS:PORT');
  assert.match(refusal(listen, '127.0.0.1:1,'), /^--kubearmor-listen: "" is neither/);
  assert.match(refusal(listen, '127.0.0.1:1,unix:'), /^--kubearmor-listen: "unix:" is neither/);
  assert.match(refusal(listen, 'example.com:1'), /must name an IP address$/);
  assert.match(refusal(listen, '127.0.0.1:1', '--kubearmor-tcp-role', 'root'), /^--kubearmor-tcp-role: must be one of/);
  assert.match(refusal('--kubearmor-tls-directory', 'tls'), /^--kubearmor-tls-directory: tls does not have the form/);
});

test('a client on a loopback address without TLS can only read, unless a flag sets another role', async (t) => {
  const reader = await serveKubearmor(t, [{ listen: '127.0.0.1:0', insecureTcp: { role: 'viewer' } }]);
  assert.equal(await reader.client.healthCheck(5), 5);
  const alerts = reader.client.watchAlerts('policy');
  await alerts.opened;
  await reader.client.probe();
  await assert.rejects(
    reader.client.sendPolicy('containerPolicy', event),
    /PERMISSION_DENIED: .*containerPolicy needs the role admin; tcp:127\.0\.0\.1 has the role viewer/,
  );
  assert.equal(reader.plane.policies.list().length, 0);

  const writer = await serveKubearmor(t, [{ listen: '127.0.0.1:0', insecureTcp: { role: 'admin' } }]);
  assert.equal(await writer.client.sendPolicy('containerPolicy', event), 'Applied');
});

test('one daemon serves reading by TCP and changes by the Unix socket', async (t) => {
  const socket = `unix:${join(temporaryDirectory(t), 'k.sock')}`;
  const { connect, servers } = await serveKubearmor(t, [
    { listen: '127.0.0.1:0', insecureTcp: { role: 'viewer' } },
    { listen: socket },
  ]);
  assert.deepEqual(servers.addresses.slice(1), [socket]);
  assert.equal(await connect(socket).sendPolicy('containerPolicy', event), 'Applied');
  const { containerList } = await connect(servers.addresses[0]).probe();
  assert.equal(containerList, undefined);
});

test('reflection and health have exactly the services that are served there', async (t) => {
  const { servers } = await serveKubearmor(t);
  const address = servers.addresses[0]!;
  const reflection = new ServerReflectionClient(address, credentials.createInsecure());
  const health = new HealthClient(address, credentials.createInsecure());
  t.after(() => [reflection, health].map((each) => each.close()));
  const stream = reflection.serverReflectionInfo();
  stream.write({ host: '', messageRequest: { $case: 'listServices', value: '' } });
  const [{ messageResponse }] = await once(stream, 'data');
  stream.end();
  const names = messageResponse.value.service.map(({ name }: { name: string }) => name).sort();
  assert.deepEqual(names, [
    'feeder.LogService',
    'grpc.health.v1.Health',
    'policy.PolicyService',
    'policy.ProbeService',
  ]);
  const { status } = await answerOf(health, (each) => each.check, { service: 'feeder.LogService' });
  assert.equal(status, HealthCheckResponse_ServingStatus.SERVING);
});

test('with external certificates, a client has the role of its certificate', async (t) => {
  const directory = temporaryDirectory(t);
  const authority = new CertificateAuthority(directory);
  const server = authority.issue('server', '/CN=kubearmor', ['DNS:localhost']);
  renameSync(server.certificate, join(directory, 'server.crt'));
  renameSync(authority.certificate, join(directory, 'ca.crt'));
  const listeners = kubearmorListeners({ listen: '127.0.0.1:0', tlsDirectory: directory, tcpRole: 'admin' });
  const { connect } = await serveKubearmor(t, listeners, {
    roles: { viewer: ['cn:relay'], operator: [], admin: ['cn:controller'] },
  });
  const ca = readFileSync(join(directory, 'ca.crt'));
  Object.defineProperty(authority, 'certificate', { value: join(directory, 'ca.crt') });
  const clientNamed = (name: string) => {
    const issued = authority.issue(name, `/CN=${name}`);
    return connect(undefined, clientCredentials(ca, issued), { 'grpc.ssl_target_name_override': 'localhost' });
  };
  const relay = clientNamed('relay');
  assert.equal(await relay.healthCheck(7), 7);
  await assert.rejects(relay.sendPolicy('containerPolicy', event), /PERMISSION_DENIED/);
  assert.equal(await clientNamed('controller').sendPolicy('containerPolicy', event), 'Applied');
  await assert.rejects(clientNamed('nobody').probe(), /PERMISSION_DENIED/);
});

test('an address that is in use stops the start and leaves no other listener behind', async (t) => {
  const { servers } = await serveKubearmor(t, [{ listen: '127.0.0.1:0', insecureTcp: { role: 'viewer' } }]);
  const [taken] = servers.addresses;
  const socket = `unix:${join(temporaryDirectory(t), 'k.sock')}`;
  const failing = serveKubearmor(t, [{ listen: socket }, { listen: taken!, insecureTcp: { role: 'viewer' } }]);
  await assert.rejects(failing, /cannot listen on 127\.0\.0\.1:\d+/);
  await serveKubearmor(t, [{ listen: socket }]);
});
