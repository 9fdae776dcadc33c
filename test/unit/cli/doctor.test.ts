import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { redact } from '../../../src/cli/doctor/redact.js';
import { VERSION } from '../../../src/version.js';
import { manifest } from '../rpc/support.js';
import { run, start, web } from './support.js';

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

test('hauberk doctor finds nothing to fix in a healthy daemon, and leaves secrets out of its report', async (t) => {
  const { hauberk, plane, directory } = await start(t);
  plane.host.setStatus({ version: VERSION });
  write(directory, {
    '/sys/kernel/security/lsm': 'lockdown,yama,bpf\n',
    '/proc/cmdline': 'root=UUID=1234 console=hush lsm=lockdown,yama,bpf quiet\n',
    '/etc/os-release': 'ID=debian\nPRETTY_NAME="Debian 12"\n',
  });
  await plane.tracker.register(
    { ...web, labels: { app: 'web', token: 'hush' } },
    { pidNamespace: 11, mountNamespace: 12 },
  );
  await plane.policies.apply(plane.policies.readManifest(manifest('one', '/srv/hush')));
  const { status, output, errors } = await hauberk('doctor', '--root', directory);
  assert.deepEqual([status, errors], [0, 'hauberk: found nothing that needs fixing\n']);
  assert.ok(!output.includes('hush') && !output.includes('UUID'), output);
  const report = parse(output);
  assert.deepEqual(report.findings, []);
  assert.deepEqual(report.machine.bootedWith, ['lsm=lockdown,yama,bpf']);
  assert.deepEqual(report.daemon.containers[0].labelKeys, ['app', 'token']);
  assert.deepEqual(report.daemon.policies[0], {
    name: 'default/one',
    scope: 'namespace',
    mode: 'enforce',
    rules: { file: 1 },
    reaches: 1,
  });
});

test('hauberk doctor reports problems with what to do, and exits with 6', async (t) => {
  const { hauberk, plane, directory } = await start(t);
  plane.host.setStatus({ enforcing: false, reason: 'the kernel took the programs away', kernelTested: false });
  write(directory, {
    '/sys/kernel/security/lsm': 'lockdown,yama\n',
    '/etc/default/grub': '',
    '/etc/docker/daemon.json': '{}',
  });
  await plane.policies.apply(plane.policies.readManifest(manifest('one')));
  const { status, output } = await hauberk('doctor', '--root', directory, '-o', 'json');
  assert.equal(status, 6);
  const { findings } = JSON.parse(output) as { findings: string[] };
  for (const expected of [
    /^bpf is not among .* lsm=lockdown,yama,bpf \(grub: /u,
    /^nothing is enforced: the kernel took the programs away$/u,
    /^hauberkd is version 1\.2\.3, this command is /u,
    /^policies that reach no container: default\/one$/u,
    /^kernel 6\.1\.0-test is of a series that was not tested$/u,
    /^docker: its hook is not installed: /u,
  ])
    assert.ok(
      findings.some((finding) => expected.test(finding)),
      `${expected} in ${findings.join('\n')}`,
    );
});

test('on a terminal hauberk doctor prints what needs fixing, and the report only when asked for it', async (t) => {
  const { live, plane, directory } = await start(t);
  plane.host.setStatus({ version: VERSION });
  write(directory, { '/sys/kernel/security/lsm': 'bpf\n' });
  await plane.policies.apply(plane.policies.readManifest(manifest('one')));
  const parameters = ['doctor', '--root', directory];
  const short = live(parameters, { outIsTerminal: true });
  assert.equal(await short.ended, 6);
  assert.equal(short.terminal.output, '');
  assert.match(short.terminal.errors, /^hauberk: policies that reach no container: default\/one\n/u);
  const full = live([...parameters, '-o', 'yaml'], { outIsTerminal: true });
  assert.equal(await full.ended, 6);
  assert.match(full.terminal.output, /^findings:\n/u);
});

test("the hook in containerd is not missed while containerd has no containers but Docker's", async (t) => {
  const { hauberk, plane, directory } = await start(t);
  plane.host.setStatus({ version: VERSION });
  write(directory, { '/sys/kernel/security/lsm': 'bpf\n', '/etc/containerd/config.toml': 'version = 2\n' });
  const findings = async () => {
    const { output } = await hauberk('doctor', '--root', directory, '-o', 'json');
    return (JSON.parse(output).findings as string[]).map((finding) => finding.split(':')[0]);
  };
  assert.deepEqual(await findings(), ['containerd']);
  write(directory, { '/etc/docker/daemon.json': '{}' });
  assert.deepEqual(await findings(), ['docker']);
  const socket = { name: 'containerd', address: '/run/containerd/containerd.sock', connected: true, reason: '' };
  plane.host.setStatus({ sources: [{ ...socket, containers: 1 }] });
  assert.deepEqual(await findings(), ['docker', 'containerd']);
});

test('hauberk doctor reports what it can without a daemon', async (t) => {
  const { directory } = await start(t);
  const { status, output } = await run('unix:/no/such/socket', ['doctor', '--root', directory, '-o', 'json']);
  assert.equal(status, 6);
  const report = JSON.parse(output);
  assert.match(report.daemon.failed, /no such socket; is it running\?/u);
  assert.deepEqual(report.findings, [report.daemon.failed]);
});

test('passwords, tokens and keys are left out of texts, and nothing else', () => {
  const kept = [
    'container web-1 of namespace default has no label token',
    'file.matchPaths[0].path: /etc/passwd',
    'connected to https://10.0.0.1:6443/api',
    'id 4f3c2b1a0d9e8f7a6b5c4d3e2f1a0b9c',
  ];
  assert.deepEqual(redact(kept), kept);
  for (const text of [
    'password=hush',
    'DB_PASSWORD: "hush now"',
    '{"apiKey":"hush"}',
    'Authorization: Bearer hushhushhush',
    'https://user:hush@example.com/',
    '-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----',
    'secret_access_key = hush',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodXNoIn0.hush',
  ]) {
    const [left] = (redact({ list: [text] }) as { list: string[] }).list;
    assert.ok(left!.includes('(left out)') && !left!.includes('hush'), left);
  }
});
