import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '../support/client.js';
import { EngineStarts } from '../support/starts/engine-starts.js';
import { FIRST_ACCESS, withFirstAccessRoot } from '../support/starts/first-access.js';
import {
  assertAccessesGetThrough,
  DEFAULT_PATHS,
  forbiddingPolicy,
  IMAGE,
  installHook,
  LABELS,
  nameLabel,
  notRefused,
  testedNames,
  testStarts,
  uninstallHook,
} from '../support/starts/first-instruction.js';
import { ServiceDaemon } from '../support/starts/service-daemon.js';

const daemon = new ServiceDaemon();
const client = new Client(daemon.address);
const docker = new EngineStarts('docker');
const podman = new EngineStarts('podman');

before(async () => {
  for (const engine of [docker, podman]) {
    execFileSync(`tools/vm/${engine.name}`, { stdio: 'inherit' });
    await withFirstAccessRoot((root) => engine.importImage(root, IMAGE));
  }
  await daemon.start(...DEFAULT_PATHS);
});

after(async () => {
  uninstallHook('docker', '--reload');
  uninstallHook('podman');
  client.close();
  await daemon.end('SIGTERM');
});

test('Docker without the hook: a container runs its first instructions before its policy is in force', async () => {
  await client.call('PolicyService', 'ApplyPolicy', { manifest: forbiddingPolicy('by-label', LABELS) });
  await assertAccessesGetThrough(docker);
  installHook('docker', '--reload');
});

testStarts('Docker', () => docker, client, LABELS);

test('Docker: files in a volume are protected from the first instruction by every name that links and mounts give them', async () => {
  const volume = mkdtempSync('/run/volume-');
  mkdirSync(join(volume, 'releases/1'), { recursive: true });
  for (const file of ['releases/1/key', 'secret', 'first']) writeFileSync(join(volume, file), 'x\n');
  symlinkSync('releases/1', join(volume, 'current'));
  linkSync(join(volume, 'first'), join(volume, 'second'));
  const labels = { app: 'volumes' };
  const files = ['/a/current/key', '/a/secret', '/a/first'].map((path) => `{path: ${path}}`);
  const manifest = forbiddingPolicy('volumes', labels).replace(/matchPaths: .*/u, `matchPaths: [${files.join(', ')}]}`);
  await client.call('PolicyService', 'ApplyPolicy', { manifest });
  for (const [index, file] of ['/a/releases/1/key', '/b/secret', '/a/second', '/b/second'].entries()) {
    const start = { name: `volume-${index}`, image: IMAGE, command: [FIRST_ACCESS, file], labels };
    const result = await docker.start({ ...start, volumes: [`${volume}:/a`, `${volume}:/b`] });
    assert.deepEqual(notRefused([result]), {}, file);
  }
});

test('podman without the hook: a container runs its first instructions before its policy is in force', async () => {
  const policies = ['without-0', ...testedNames()].map((name) => forbiddingPolicy(`of-${name}`, nameLabel(name)));
  await client.call('PolicyService', 'DeletePolicy', { name: 'by-label' });
  await client.call('PolicyService', 'ApplyPolicy', { manifest: policies.join('---\n') });
  await assertAccessesGetThrough(podman);
  installHook('podman');
});

// podman keeps labels in its own database: before the first instruction only the name can select a container.
testStarts('podman', () => podman, client, {});
