import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { credentials, status } from '@grpc/grpc-js';
import { ClassicLevel } from 'classic-level';
import { CertificateAuthority } from '../support/certificates.js';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, enter, startContainer } from '../support/docker.js';
import { IN_LONG_RUNS } from '../support/long-run.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';

const directory = mkdtempSync(join(tmpdir(), 'hauberk-tls-'));
const authority = new CertificateAuthority(directory);
const TLS_ADDRESS = '127.0.0.1:7443';
const overUnix = new Daemon();
const overTls = new Daemon(TLS_ADDRESS);
const client = new Client(overUnix.address);
let target: string;

const manifest = (name: string, rules: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: target}}
${rules}
`;
const blockFile = (name: string, path: string) => manifest(name, `  file: {matchPaths: [{path: ${path}}]}`);
const reads = (path: string) => enter('target', '/bin/cat', path).status === 0;
const code = (call: Promise<unknown>) => call.then(() => 0).catch(({ code: number }: { code: number }) => number);
const [ABORTED, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE] = [10, 7, 8, 14];

before(async () => {
  makeProgramsImage();
  target = startContainer(PROGRAMS_IMAGE, 'target', '--label', 'app=target');
  await overUnix.start('--default-posture-file=audit');
});

after(async () => {
  client.close();
  // What a test that failed has left.
  for (const daemon of [overUnix, overTls]) await daemon.end('SIGKILL').catch(() => undefined);
  docker('rm', '-f', 'target');
});

test('SyncPolicies makes the kernel enforce the given policies and no others, at the revision it answers with', async () => {
  await client.call('PolicyService', 'ApplyPolicy', { manifest: blockFile('old', '/etc/hostname') });
  assert.equal(reads('/etc/hostname'), false);
  const desired = `${blockFile('a', '/etc/shadow')}---\n${blockFile('b', '/etc/gshadow')}`;
  const { changes, revision } = await client.call('PolicyService', 'SyncPolicies', { manifest: desired });
  assert.deepEqual(
    changes.map(({ name, kind, containerIds }: Record<string, unknown>) => [name, kind, containerIds]),
    [
      ['a', 'KIND_CREATED', [target]],
      ['b', 'KIND_CREATED', [target]],
      ['old', 'KIND_DELETED', [target]],
    ],
  );
  const { enforcedRevision } = await client.call('HostService', 'WaitForRevision', { revision });
  assert.equal(enforcedRevision, revision);
  assert.deepEqual([reads('/etc/hostname'), reads('/etc/shadow'), reads('/etc/gshadow')], [true, false, false]);
  const stale = client.call('PolicyService', 'SyncPolicies', { expectedRevision: 1 });
  assert.equal(await code(stale), ABORTED);
  assert.equal(reads('/etc/shadow'), false);
});

test('ValidatePolicy changes nothing in the kernel', async () => {
  const { changes } = await client.call('PolicyService', 'ValidatePolicy', {
    manifest: blockFile('c', '/etc/hostname'),
  });
  assert.deepEqual(changes[0].containerIds, [target]);
  assert.equal(reads('/etc/hostname'), true);
});

test('setting and removing a posture of the namespace both take effect at once', async () => {
  const allow = manifest(
    'allowed',
    '  action: Allow\n  file: {matchDirectories: [{dir: /lib/, recursive: true}, {dir: /lib64/, recursive: true}]}',
  );
  await client.call('PolicyService', 'ApplyPolicy', { manifest: allow });
  assert.equal(reads('/etc/hostname'), true);
  await client.call('PolicyService', 'SetPosture', {
    namespace: 'default',
    postures: [{ class: 'ACCESS_CLASS_FILE', action: 'ACTION_BLOCK' }],
  });
  assert.equal(reads('/etc/hostname'), false);
  await client.call('PolicyService', 'SetPosture', { namespace: 'default' });
  assert.equal(reads('/etc/hostname'), true);
  await client.call('PolicyService', 'DeletePolicy', { name: 'allowed' });
});

test('after a kill -9 everything that was acknowledged is restored, with its revision', async () => {
  await client.call('PolicyService', 'SetPosture', {
    namespace: 'kept',
    postures: [{ class: 'ACCESS_CLASS_FILE', action: 'ACTION_BLOCK' }],
  });
  const { revision } = await client.call('PolicyService', 'ApplyPolicy', {
    manifest: blockFile('kept', '/etc/group'),
  });
  await overUnix.end('SIGKILL');
  assert.equal(reads('/etc/group'), false);
  await overUnix.start();
  const status = await client.call('HostService', 'GetStatus');
  assert.equal(status.revision, revision);
  const { policies } = await client.call('PolicyService', 'ListPolicies');
  assert.deepEqual(
    policies.map(({ name }: { name: string }) => name),
    ['a', 'b', 'kept'],
  );
  assert.equal(policies[2].resourceVersion, revision);
  const { namespaces } = await client.call('PolicyService', 'ListPostures');
  assert.deepEqual(namespaces, [
    {
      namespace: 'kept',
      postures: [{ class: 'ACCESS_CLASS_FILE', action: 'ACTION_BLOCK' }],
      origin: 'POLICY_ORIGIN_RPC',
    },
  ]);
  assert.equal(reads('/etc/group'), false);
});

test('a damaged record is reported by name, does not change the enforcement, and can be restored from a backup or discarded', {
  skip: IN_LONG_RUNS,
}, async () => {
  const backup = await client.call('StateService', 'Backup');
  // The daemon of the tests above owns the kernel objects.
  await overUnix.end('SIGTERM');
  const damage = async () => {
    const place = join(overUnix.directory, 'state', 'store');
    const raw = new ClassicLevel<string, string>(place, { valueEncoding: 'utf8' });
    const text = (await raw.get('policy/default/kept'))!;
    await raw.put('policy/default/kept', text.replace('/etc/group', '/etc/grouq'));
    await raw.close();
  };
  await damage();
  assert.match(
    await overUnix.startDamaged(),
    /is damaged: records are damaged: policy\/default\/kept\..*hauberk restore/,
  );
  assert.equal(reads('/etc/group'), false);
  await assert.rejects(client.call('PolicyService', 'DeletePolicy', { name: 'a' }), { code: status.UNAVAILABLE });
  await client.call('StateService', 'Restore', backup);
  assert.equal((await client.call('HostService', 'GetStatus')).enforcing, true);
  assert.equal(reads('/etc/group'), false);
  await overUnix.end('SIGTERM');
  await damage();
  await overUnix.start('--discard-damaged');
  assert.equal(reads('/etc/group'), true);
  assert.equal(reads('/etc/shadow'), false);
  await overUnix.end('SIGTERM');
});

// test/unit/rpc has the same on an in-memory kernel.
test('over TLS a client may do what the role of its certificate allows, and without one nothing', {
  skip: IN_LONG_RUNS,
}, async () => {
  const server = authority.issue('server', '/CN=hauberkd', ['IP:127.0.0.1']);
  const configuration = join(directory, 'hauberkd.yaml');
  writeFileSync(configuration, 'roles:\n  viewer: ["cn:dashboard"]\n  admin: ["spiffe://example.org/controller"]\n');
  const files = [
    '--tls-certificate',
    server.certificate,
    '--tls-key',
    server.key,
    '--tls-client-ca',
    authority.certificate,
  ];
  const as = (name: string, subject: string, uris: readonly string[] = [], days = 1) => {
    const issued = authority.issue(name, subject, uris, days);
    return credentials.createSsl(authority.pem, readFileSync(issued.key), readFileSync(issued.certificate));
  };
  const admin = new Client(TLS_ADDRESS, 'proto', as('admin', '/CN=any', ['URI:spiffe://example.org/controller']));
  const viewer = new Client(TLS_ADDRESS, 'proto', as('viewer', '/CN=dashboard'));
  const outsider = new Client(TLS_ADDRESS, 'proto', as('stranger', '/CN=stranger'));
  const expired = new Client(TLS_ADDRESS, 'proto', as('expired', '/CN=dashboard', [], -1));
  const without = new Client(TLS_ADDRESS, 'proto', credentials.createSsl(authority.pem));
  overTls.connectWith(admin);
  await overUnix.end('SIGTERM');
  await overTls.start('--config', configuration, ...files);
  const apply = { manifest: blockFile('tls', '/etc/shadow') };
  assert.equal(await code(viewer.call('PolicyService', 'ApplyPolicy', apply)), PERMISSION_DENIED);
  assert.equal(await code(outsider.call('PolicyService', 'ListPolicies')), PERMISSION_DENIED);
  for (const each of [expired, without]) {
    assert.equal(await code(each.call('PolicyService', 'ListPolicies')), UNAVAILABLE);
  }
  assert.equal(reads('/etc/shadow'), true);
  const stream = await viewer.stream({ containerIds: [target] });
  await admin.call('PolicyService', 'ApplyPolicy', apply);
  assert.equal(reads('/etc/shadow'), false);
  await stream.find(({ object }) => object === '/etc/shadow');
  stream.cancel();
  for (const each of [admin, viewer, outsider, expired, without]) each.close();
  assert.equal(await overTls.end('SIGTERM'), 0);
});

// test/native tries more of them, without a virtual machine.
test('a client that sends too much, too often or reads too slowly does not affect others', {
  skip: IN_LONG_RUNS,
}, async () => {
  const limits = ['--max-message-bytes', '65536', '--requests-per-second', '20', '--events-per-second', '0'];
  await overUnix.start(...limits);
  const large = `${blockFile('large', '/etc/shadow')}# ${'x'.repeat(65_536)}`;
  assert.equal(await code(client.call('PolicyService', 'ApplyPolicy', { manifest: large })), RESOURCE_EXHAUSTED);
  await client.call('PolicyService', 'SyncPolicies', { manifest: blockFile('only', '/etc/shadow') });

  const quick = await client.stream({ containerIds: [target] });
  const slow = await client.stream({ containerIds: [target] });
  slow.call.pause();
  const attempts = 12_000;
  const loop = `for (1..${attempts}) { open(my $f, "<", "/etc/shadow") }`;
  enter('target', '/usr/bin/perl', '-e', loop);
  await quick.find(() => quick.events.length + quick.missed >= attempts, 60_000);
  assert.equal(quick.events.length + quick.missed, attempts);
  slow.call.resume();
  await slow.find(() => slow.events.length + slow.missed >= attempts, 60_000);
  assert.equal(slow.events.length + slow.missed, attempts);
  for (const stream of [quick, slow]) stream.cancel();

  const requested = Array.from({ length: 200 }, () => code(client.call('HostService', 'GetStatus')));
  const codes = await Promise.all(requested);
  assert.ok(codes.includes(0) && codes.includes(RESOURCE_EXHAUSTED), codes.join());
  assert.equal(await overUnix.end('SIGTERM'), 0);
});

test('certificates that cannot be used are reported before anything is changed in the kernel', {
  skip: IN_LONG_RUNS,
}, async () => {
  const daemon = new Daemon('127.0.0.1:7444');
  const files = ['--tls-certificate', '--tls-key', '--tls-client-ca'].flatMap((flag) => [
    flag,
    join(directory, 'none'),
  ]);
  const pins = '/sys/fs/bpf/hauberk-unused';
  await assert.rejects(daemon.start(...files, '--bpffs-dir', pins), /none cannot be used/);
  assert.deepEqual(existsSync(pins) ? readdirSync(pins) : [], []);
});
