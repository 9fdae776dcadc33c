import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import { byKubeconfig, inCluster } from '../../../src/kubernetes/access.js';
import { posturesOf, visibilityIn } from '../../../src/kubernetes/annotations.js';
import { POLICY_KINDS } from '../../../src/kubernetes/policy-kinds.js';
import { PolicyObjects } from '../../../src/kubernetes/policy-objects.js';
import { prunedFields } from '../../../src/kubernetes/pruned-fields.js';

function newDirectory(context: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'hauberk-kubeconfig-'));
  context.after(() => rmSync(made, { recursive: true }));
  return made;
}

test('a service account is read from its directory, and its token again each time', (context) => {
  const directory = newDirectory(context);
  writeFileSync(join(directory, 'ca.crt'), 'authorities');
  writeFileSync(join(directory, 'namespace'), 'hauberk');
  writeFileSync(join(directory, 'token'), 'one\n');
  const server = inCluster({ KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '443' }, directory);
  assert.equal(server.url.href, 'https://[fd00::1]/');
  assert.deepEqual([server.namespace, server.ca, server.token()], ['hauberk', 'authorities', 'one']);
  writeFileSync(join(directory, 'token'), 'two');
  assert.equal(server.token(), 'two');
  assert.throws(() => inCluster({}, directory), /not running in a pod: KUBERNETES_SERVICE_HOST is not set/);
});

function kubeconfig(directory: string, user: object, cluster: object = {}): string {
  const path = join(directory, 'config');
  const config = {
    'current-context': 'there',
    contexts: [{ name: 'there', context: { cluster: 'c', user: 'u', namespace: 'agents' } }],
    clusters: [{ name: 'c', cluster: { server: 'https://10.0.0.1:6443/prefix', ...cluster } }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(path, stringify(config));
  return path;
}

test('a kubeconfig has the server, authorities and credentials, inline or in files beside it', (context) => {
  const directory = newDirectory(context);
  writeFileSync(join(directory, 'ca.pem'), 'authorities');
  writeFileSync(join(directory, 'token'), 'of a file');
  const data = Buffer.from('certificate').toString('base64');
  const path = kubeconfig(
    directory,
    { tokenFile: 'token', 'client-certificate-data': data, 'client-key-data': data },
    { 'certificate-authority': 'ca.pem' },
  );
  const server = byKubeconfig(path);
  assert.equal(server.url.href, 'https://10.0.0.1:6443/prefix');
  assert.deepEqual([server.ca, server.namespace, server.token()], ['authorities', 'agents', 'of a file']);
  assert.equal(String(server.certificate), 'certificate');
});

test('unsupported settings of a kubeconfig are refused by name', (context) => {
  const directory = newDirectory(context);
  assert.throws(
    () => byKubeconfig(kubeconfig(directory, { exec: {} })),
    /asks for exec, which hauberkd does not support/,
  );
  const careless = { 'insecure-skip-tls-verify': true };
  assert.throws(() => byKubeconfig(kubeconfig(directory, {}, careless)), /asks for insecure-skip-tls-verify/);
  assert.throws(() => byKubeconfig(kubeconfig(directory, {}, { server: 'http://x' })), /the server must be https/);
  assert.throws(() => byKubeconfig(join(directory, 'none')), /cannot read .*none/);
});

test('annotations of namespaces set postures, those of files for programs too, and invalid ones are reported', () => {
  const namespace = (name: string, annotations?: Record<string, string>) => ({
    metadata: { name, ...(annotations && { annotations }) },
  });
  const { postures, warnings } = posturesOf([
    namespace('plain'),
    namespace('shop', { 'kubearmor-file-posture': 'block', 'kubearmor-network-posture': 'audit' }),
    namespace('odd', { 'kubearmor-capabilities-posture': 'Block' }),
  ]);
  assert.deepEqual(Object.fromEntries(postures), { shop: { file: 'block', process: 'block', network: 'audit' } });
  assert.deepEqual(warnings, ['namespace odd: kubearmor-capabilities-posture must be audit or block, is "Block"']);
});

test('annotations of namespaces and settings set visibility, and invalid ones are reported', () => {
  const namespace = (name: string, visibility: string) => ({
    metadata: { name, annotations: { 'kubearmor-visibility': visibility } },
  });
  const settings = { metadata: { name: 'hauberk-config', namespace: 'hauberk' }, data: { visibility: 'process' } };
  const { visibility, warnings } = visibilityIn(
    [namespace('shop', 'file, Process,file'), namespace('quiet', 'none'), namespace('odd', 'files')],
    [settings],
  );
  assert.deepEqual(Object.fromEntries(visibility), { shop: ['process', 'file'], quiet: [], '*': ['process'] });
  const choice = 'none, or any of process, file, network, capabilities, separated by commas';
  assert.deepEqual(warnings, [`namespace odd: kubearmor-visibility must be ${choice}, is "files"`]);
  assert.deepEqual(posturesOf([], [settings]).warnings, []);
});

test('settings set postures of all namespaces, by the names of flags or of KubeArmor, and invalid ones are reported', () => {
  const settings = (data: Record<string, string>) => [
    { metadata: { name: 'hauberk-config', namespace: 'hauberk' }, data },
  ];
  const read = (data: Record<string, string>) => {
    const { postures, warnings } = posturesOf([], settings(data));
    return [postures.get('*'), warnings];
  };
  assert.deepEqual(read({ defaultFilePosture: 'block', 'default-process-posture': 'audit' }), [
    { file: 'block', process: 'audit' },
    [],
  ]);
  assert.deepEqual(read({ 'default-network-posture': 'allow', cluster: 'none' }), [
    undefined,
    [
      'ConfigMap hauberk/hauberk-config: default-network-posture must be audit or block, is "allow"',
      'ConfigMap hauberk/hauberk-config: these of its settings are not followed: cluster',
    ],
  ]);
  assert.deepEqual(posturesOf([], []).postures.size, 0);
});

test('fields that were applied but are missing are named, unless others have changed them since', () => {
  const applied = {
    spec: { mode: 'audit', file: { matchPaths: [{ path: '/a', operations: ['read'], message: null }] } },
  };
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': JSON.stringify(applied) };
  const object = (spec: object) => ({ metadata: { name: 'a', annotations }, spec });
  assert.deepEqual(prunedFields(object({ file: { matchPaths: [{ path: '/b' }] } })), [
    'spec.mode',
    'spec.file.matchPaths[0].operations',
  ]);
  assert.deepEqual(
    prunedFields(object({ mode: 'enforce', file: { matchPaths: [{ path: '/a' }, { path: '/b' }] } })),
    [],
  );
  assert.deepEqual(prunedFields({ metadata: { name: 'a' }, spec: {} }), []);
});

test('an invalid posture changes nothing: the earlier value of that class stays in force', () => {
  const before = new Map([
    ['shop', { file: 'block', process: 'block', network: 'audit' }],
    ['*', { network: 'block' }],
  ] as const);
  const annotations = {
    'kubearmor-file-posture': 'blok',
    'kubearmor-network-posture': 'block',
    'kubearmor-capability-posture': 'block',
  };
  const namespaces = ['shop', 'new'].map((name) => ({ metadata: { name, annotations } }));
  const data = { defaultNetworkPosture: 'Block', 'default-network-posture': 'audit', defaultFilePosture: 'no' };
  const settings = [{ metadata: { name: 'hauberk-config', namespace: 'hauberk' }, data }];
  const { postures, unknown, warnings } = posturesOf(namespaces, settings, before);
  assert.deepEqual(Object.fromEntries(postures), {
    shop: { file: 'block', process: 'block', network: 'block' },
    new: { network: 'block' },
    '*': { network: 'audit' },
  });
  assert.deepEqual(
    unknown.map(({ object }) => object.metadata.name),
    ['shop', 'new', 'hauberk-config'],
  );
  assert.equal(
    unknown[0]!.message,
    'kubearmor-file-posture must be audit or block, is "blok"; block, as it said before, stays; ' +
      'these of its annotations name no posture: kubearmor-capability-posture',
  );
  assert.equal(warnings.length, 6);
  // Once the annotation is removed the earlier value is not used any more.
  assert.equal(posturesOf([{ metadata: { name: 'shop' } }], [], before).postures.size, 0);
});

test('many policies are read in several turns of the event loop', async () => {
  const objects = new PolicyObjects(() => {
    const until = performance.now() + 1;
    while (performance.now() < until);
    throw new Error('none');
  });
  const all = Array.from({ length: 60 }, (_, index) => ({ metadata: { name: `p${index}`, uid: `u${index}` } }));
  let turns = 0;
  const count = setInterval(() => turns++, 0);
  const read = await objects.readAll(all.map((object) => [POLICY_KINDS[0]!, object] as const));
  clearInterval(count);
  assert.equal(read.length, 60);
  assert.ok(turns >= 3, `${turns} turns`);
});
