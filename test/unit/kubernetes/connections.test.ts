import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { stringify } from 'yaml';
import { byKubeconfig } from '../../../src/kubernetes/access.js';
import { ApiClient, ApiError } from '../../../src/kubernetes/api-client.js';
import { CertificateAuthority, type IssuedFiles } from '../../support/certificates.js';

/** An API server that returns the client's name, with two authorities one after the other, and a kubeconfig for it. */
async function start(context: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-rotated-'));
  context.after(() => rmSync(directory, { recursive: true }));
  const [first, second] = [new CertificateAuthority(directory, 'first'), new CertificateAuthority(directory, 'second')];
  const serverOf = async (authority: CertificateAuthority, port = 0): Promise<Server> => {
    const { certificate, key } = authority.issue(`server-${port}`, '/CN=server', ['IP:127.0.0.1']);
    const tls = { cert: readFileSync(certificate), key: readFileSync(key), ca: [first.pem, second.pem] };
    const server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      if (request.url === '/busy') response.writeHead(429, { 'retry-after': '86400' }).end();
      else response.end(JSON.stringify({ who: subject.CN }));
    });
    context.after(() => server.close().closeAllConnections());
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return server;
  };
  const path = join(directory, 'config');
  const files = (authority: string, { certificate, key }: IssuedFiles) => ({ authority, certificate, key });
  const write = (port: number, { authority, certificate, key }: ReturnType<typeof files>) =>
    writeFileSync(
      path,
      stringify({
        'current-context': 'there',
        contexts: [{ name: 'there', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server: `https://127.0.0.1:${port}`, 'certificate-authority': authority } }],
        users: [{ name: 'u', user: { 'client-certificate': certificate, 'client-key': key } }],
      }),
    );
  return { directory, path, first, second, serverOf, write, files };
}

test('a replaced certificate or authority is used from the next request on', async (context) => {
  const { path, first, second, serverOf, write, files } = await start(context);
  const server = await serverOf(first);
  const { port } = server.address() as AddressInfo;
  write(port, files(first.certificate, first.issue('one', '/CN=one')));
  const problems: (string | undefined)[] = [];
  const client = new ApiClient(byKubeconfig(path), (problem) => problems.push(problem));
  context.after(() => client.close());
  assert.deepEqual(await client.get('/'), { who: 'one' });

  const two = first.issue('two', '/CN=two');
  write(port, files(first.certificate, two));
  assert.deepEqual(await client.get('/'), { who: 'two' });

  // A half-written file changes nothing, and is reported once.
  const whole = readFileSync(two.key);
  writeFileSync(two.key, whole.subarray(0, 40));
  assert.deepEqual(await client.get('/'), { who: 'two' });
  rmSync(two.certificate);
  assert.deepEqual(await client.get('/'), { who: 'two' });
  writeFileSync(path, 'a: [');
  assert.deepEqual(await client.get('/'), { who: 'two' });
  assert.match(problems[0]!, /client certificate and key cannot be used/u);
  assert.match(problems[1]!, /cannot read .*two\.pem/u);
  assert.match(problems[2]!, /is not YAML/u);

  server.close().closeAllConnections();
  await once(server, 'close');
  await serverOf(second, port);
  write(port, files(first.certificate, second.issue('three', '/CN=three')));
  await assert.rejects(client.get('/'), /self.signed|unable to verify|issuer/u);
  write(port, files(second.certificate, second.issue('three', '/CN=three')));
  assert.deepEqual(await client.get('/'), { who: 'three' });
  assert.equal(problems.at(-1), undefined);
});

test('a Retry-After of a day is limited to five minutes', async (context) => {
  const { path, first, serverOf, write, files } = await start(context);
  const server = await serverOf(first);
  write((server.address() as AddressInfo).port, files(first.certificate, first.issue('one', '/CN=one')));
  const client = new ApiClient(byKubeconfig(path));
  context.after(() => client.close());
  await assert.rejects(
    client.get('/busy'),
    (error) => error instanceof ApiError && error.code === 429 && error.retryMilliseconds === 300_000,
  );
});
