import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { HostServiceClient } from '../../../src/generated/hauberk/v1/host.js';
import type { RunningServer } from '../../../src/rpc/server.js';
import { CertificateAuthority, type IssuedFiles } from '../../support/certificates.js';
import { clientCredentials, connectWith, serveGuarded, until } from './access-support.js';
import { answerOf, refusal, temporaryDirectory } from './support.js';

const roles = { viewer: ['cn:client'], operator: [], admin: [] };

/** A server with its files in a directory, named as in a Kubernetes secret. */
async function serveFrom(t: TestContext, place: (files: Record<string, string>) => void, mount: string) {
  const authority = new CertificateAuthority(temporaryDirectory(t));
  const client = authority.issue('client', '/CN=client');
  const issue = (name: string) => authority.issue(name, `/CN=${name}`, ['DNS:localhost']);
  const first = issue('first');
  place(secretOf(first, authority));
  const tls = { certificate: join(mount, 'tls.crt'), key: join(mount, 'tls.key'), clientCa: join(mount, 'ca.crt') };
  const guarded = await serveGuarded(t, { listen: '127.0.0.1:0', tls, roles });
  /** The common name of the server's certificate on a new connection. */
  const shown = () => shownBy(guarded.server, authority, client);
  return { ...guarded, authority, client, issue, shown };
}

function secretOf({ certificate, key }: IssuedFiles, { certificate: ca }: CertificateAuthority) {
  return { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': ca };
}

async function shownBy({ address }: RunningServer, { pem }: CertificateAuthority, { key, certificate }: IssuedFiles) {
  const [host, port] = address.split(':');
  const client = { key: readFileSync(key), cert: readFileSync(certificate) };
  const socket = connect({
    host: host!,
    port: Number(port),
    ca: pem,
    ...client,
    servername: 'localhost',
    ALPNProtocols: ['h2'],
  });
  await once(socket, 'secureConnect');
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

/** A directory of plain files, which are replaced one by one. */
function plainMount(t: TestContext) {
  const mount = temporaryDirectory(t);
  const put = (files: Record<string, string>) => {
    for (const [name, path] of Object.entries(files)) {
      copyFileSync(path, join(mount, `${name}.new`));
      renameSync(join(mount, `${name}.new`), join(mount, name));
    }
  };
  return { mount, put };
}

/** A directory as made by the kubelet: files are links through `..data`, which is replaced by renaming. */
function kubernetesMount(t: TestContext) {
  const mount = temporaryDirectory(t);
  let version = 0;
  const put = (files: Record<string, string>) => {
    const name = `..version-${version++}`;
    mkdirSync(join(mount, name));
    for (const [file, path] of Object.entries(files)) copyFileSync(path, join(mount, name, file));
    symlinkSync(name, join(mount, '..data_tmp'));
    renameSync(join(mount, '..data_tmp'), join(mount, '..data'));
    if (version === 1) for (const file of Object.keys(files)) symlinkSync(`..data/${file}`, join(mount, file));
  };
  return { mount, put };
}

describe('certificates', () => {
  for (const [what, mountOf] of [
    ['files are replaced', plainMount],
    ['links are swapped as Kubernetes does', kubernetesMount],
  ] as const) {
    test(`are read again when ${what}, while connections stay`, async (t) => {
      const { mount, put } = mountOf(t);
      const { server, authority, client, issue, shown, counts } = await serveFrom(t, put, mount);
      const old = connectWith(t, HostServiceClient, server, clientCredentials(authority.pem, client));
      await answerOf(old, (c) => c.getStatus, {});
      assert.equal(await shown(), 'first');

      for (const [index, name] of ['second', 'third'].entries()) {
        put(secretOf(issue(name), authority));
        await until(() => counts.reloads.length > index);
        assert.equal(await shown(), name);
      }
      assert.deepEqual(counts.reloads, ['ok', 'ok']);
      assert.equal((await answerOf(old, (c) => c.getStatus, {})).version, '1.2.3');
    });
  }

  test('that cannot be used are refused with a reason, and the old ones stay in use until there are valid ones', async (t) => {
    const { mount, put } = plainMount(t);
    const { authority, issue, shown, counts, logger } = await serveFrom(t, put, mount);
    const bad = join(temporaryDirectory(t), 'bad.pem');
    writeFileSync(bad, 'no certificate');
    const good = secretOf(issue('good'), authority);
    const expired = secretOf(authority.issue('expired', '/CN=expired', [], -1), authority);
    for (const [index, [files, reason]] of [
      [{ ...good, 'tls.crt': bad }, /tls\.crt cannot be used: there is no certificate in it$/u],
      [{ ...good, 'tls.key': issue('other').key }, /tls\.key is not the key of .*tls\.crt$/u],
      [{ ...good, 'ca.crt': bad }, /ca\.crt cannot be used: there is no certificate in it$/u],
      [expired, /tls\.crt has expired on /u],
    ].entries() as Iterable<[number, [Record<string, string>, RegExp]]>) {
      put(files);
      await until(() => counts.reloads.length > index);
      const { level, fields, message } = logger.lines.at(-1)!;
      assert.equal(`${level}: ${message}`, 'error: new certificates refused, the old ones stay in use');
      assert.match(String(fields.reason), reason);
      assert.equal(await shown(), 'first');
    }
    put(good);
    await until(() => counts.reloads.length > 4);
    assert.equal(await shown(), 'good');
    assert.deepEqual(counts.reloads, ['failed', 'failed', 'failed', 'failed', 'ok']);
  });

  test('with a new client authority exclude clients of the old one from new connections', async (t) => {
    const { mount, put } = plainMount(t);
    const { server, authority, client, issue, counts } = await serveFrom(t, put, mount);
    const successor = new CertificateAuthority(temporaryDirectory(t), 'successor');
    put({ ...secretOf(issue('second'), authority), 'ca.crt': successor.certificate });
    await until(() => counts.reloads.length > 0);
    const status = (files: IssuedFiles) =>
      answerOf(
        connectWith(t, HostServiceClient, server, clientCredentials(authority.pem, files)),
        (c) => c.getStatus,
        {},
      );
    assert.equal((await refusal(status(client))).code, 'UNAVAILABLE');
    assert.equal((await status(successor.issue('new-client', '/CN=client'))).version, '1.2.3');
  });
});
