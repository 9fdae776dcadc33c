import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { stringify } from 'yaml';
import { byKubeconfig, checkAccess, inCluster } from '../../../src/kubernetes/access.js';
import { accessToCluster } from '../../../src/kubernetes/follow-cluster.js';

let directory: string;
const ENVIRONMENT = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };

before(() => {
  directory = mkdtempSync(join(tmpdir(), 'hauberk-access-'));
  const subject = ['-subj', '/CN=cluster', '-days', '1', '-nodes', '-x509', '-newkey', 'ec'];
  const files = [
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-keyout',
    `${directory}/key.pem`,
    '-out',
    `${directory}/ca.crt`,
  ];
  execFileSync('openssl', ['req', ...subject, ...files], { stdio: 'ignore' });
  writeFileSync(join(directory, 'namespace'), 'hauberk');
});

after(() => rmSync(directory, { recursive: true }));

/** A kubeconfig with this cluster and user, or with this text. */
function written(config: { cluster?: object; user?: object } | string): string {
  const path = join(directory, 'config');
  const { cluster, user = { token: 't' } } = typeof config === 'string' ? {} : config;
  const whole = {
    'current-context': 'there',
    contexts: [{ name: 'there', context: { cluster: 'c', user: 'u' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(path, typeof config === 'string' ? config : stringify(whole));
  return path;
}

/** The problem of a kubeconfig, without its path. */
function problemOf(config: Parameters<typeof written>[0]): string {
  const path = written(config);
  let problem = 'nothing';
  assert.throws(
    () => checkAccess(byKubeconfig(path)),
    (error: Error & { code: string }) => {
      problem = error.message.replace(`${path}: `, '');
      return error.code === 'failed-precondition';
    },
  );
  return problem.replace('Kubernetes cannot be reached: ', '');
}

test('a service account without a readable token or authorities is refused at the start', () => {
  const check = () => checkAccess(inCluster(ENVIRONMENT, directory));
  rmSync(join(directory, 'token'), { force: true });
  assert.throws(check, /^.*Kubernetes cannot be reached: cannot read the token: ENOENT.*\/token'/);
  writeFileSync(join(directory, 'token'), '\n');
  assert.throws(check, /there is neither a token nor a client certificate/);
  writeFileSync(join(directory, 'token'), 'a token');
  assert.throws(check, /the token is invalid: it contains spaces or other characters/);
  writeFileSync(join(directory, 'token'), 'a.b.c');
  check();
  const authorities = readFileSync(join(directory, 'ca.crt'), 'utf8');
  for (const [text, problem] of [
    ['', /the certificate authority is not PEM/],
    [authorities.slice(0, 200), /the certificate authority is not PEM/],
    [authorities + authorities.replace(/^M.{20}/mu, 'AAAA'), /the certificate authority cannot be read/],
  ] as const) {
    writeFileSync(join(directory, 'ca.crt'), text);
    assert.throws(check, problem);
  }
  writeFileSync(join(directory, 'ca.crt'), authorities);
});

test('an unusable kubeconfig is refused at the start, with the reason', () => {
  assert.match(problemOf('a: [b'), /^is not YAML: /);
  assert.equal(problemOf(''), 'its current-context names no context');
  assert.equal(problemOf('just a text'), 'its current-context names no context');
  assert.equal(problemOf({ user: {} }), 'there is neither a token nor a client certificate');
  assert.equal(problemOf({ cluster: { server: 'nowhere' } }), 'the server must be https, is nowhere');
  assert.match(problemOf({ user: { tokenFile: 'none' } }), /^cannot read the token: ENOENT/);
  const data = Buffer.from('no certificate').toString('base64');
  const certificate = { 'client-certificate-data': data, 'client-key-data': data };
  assert.match(problemOf({ user: certificate }), /^client certificate and key cannot be used: /);
  assert.equal(problemOf({ cluster: { 'certificate-authority-data': data } }), 'the certificate authority is not PEM');
  const pair = { 'client-certificate': 'ca.crt', 'client-key': 'key.pem' };
  checkAccess(byKubeconfig(written({ user: pair, cluster: { 'certificate-authority': 'ca.crt' } })));
});

test('without a flag for Kubernetes no cluster is searched', async () => {
  assert.equal(await accessToCluster({ kubernetes: false }), undefined);
  const access = await accessToCluster({ kubernetes: false, kubeconfig: written({}), nodeName: 'node-7' });
  assert.deepEqual([access?.node, access?.server.url.href], ['node-7', 'https://10.0.0.1:6443/']);
});

test('a daemon that cannot follow the requested cluster ends before it touches the kernel', () => {
  const daemon = (...flags: string[]) => {
    const environment = { PATH: process.env.PATH };
    const options = { encoding: 'utf8', env: environment, timeout: 60_000 } as const;
    const { status, stderr } = spawnSync(process.execPath, [resolve('build/program/hauberkd.js'), ...flags], options);
    return { status, stderr };
  };
  const outside =
    'not running in a pod: KUBERNETES_SERVICE_HOST is not set; outside a cluster give a file with --kubeconfig';
  assert.deepEqual(daemon('--kubernetes'), {
    status: 1,
    stderr: `hauberkd: Kubernetes cannot be reached: ${outside}\n`,
  });
  const path = written({ user: {} });
  assert.deepEqual(daemon('--kubeconfig', path), {
    status: 1,
    stderr: 'hauberkd: Kubernetes cannot be reached: there is neither a token nor a client certificate\n',
  });
});
