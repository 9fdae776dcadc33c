import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { EngineStarts } from '../support/starts/engine-starts.js';
import { withFirstAccessRoot } from '../support/starts/first-access.js';
import {
  AT_ONCE,
  assertAccessesGetThrough,
  assertNothingGetsThrough,
  forbiddingPolicy,
  IMAGE,
  installHook,
  LABELS,
  nameLabel,
  STARTS,
  STATE_DIRECTORY,
  startContainers,
  startsOf,
} from '../support/starts/first-instruction.js';

const daemon = new Daemon();
const client = new Client(daemon.address);
const docker = new EngineStarts('docker');
const podman = new EngineStarts('podman');

before(async () => {
  for (const engine of [docker, podman]) {
    execFileSync(`tools/vm/${engine.name}`, { stdio: 'inherit' });
    await withFirstAccessRoot((root) => engine.importImage(root, IMAGE));
  }
  await daemon.start('--state-dir', STATE_DIRECTORY);
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM');
});

test('without the hook, what a container of Docker does first is done before its policy is in force', async () => {
  await client.call('PolicyService', 'ApplyPolicy', { manifest: forbiddingPolicy('by-label', LABELS) });
  assertAccessesGetThrough(await startContainers(docker, 'without', 1, 1));
});

test('no container of Docker makes an access before its policy, and each refusal is told under its name', async () => {
  installHook('docker', '--reload');
  await assertNothingGetsThrough(docker, client, LABELS);
});

test('without the hook, what a container of podman does first is done before its policy is in force', async () => {
  const starts = [...startsOf('without', 1), ...startsOf('one', STARTS), ...startsOf('at-once', AT_ONCE.starts)];
  const policies = starts.map(({ name }) => forbiddingPolicy(`of-${name}`, nameLabel(name)));
  await client.call('PolicyService', 'DeletePolicy', { name: 'by-label' });
  await client.call('PolicyService', 'ApplyPolicy', { manifest: policies.join('---\n') });
  assertAccessesGetThrough(await startContainers(podman, 'without', 1, 1));
});

test('no container of podman makes an access before the policy that selects it by its name', async () => {
  installHook('podman');
  await assertNothingGetsThrough(podman, client, {});
});
