import { appendFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../support/client.js';
import { Containerd, NRI } from '../support/containerd.js';
import { CriStarts } from '../support/starts/cri-starts.js';
import { withFirstAccessRoot } from '../support/starts/first-access.js';
import {
  assertAccessesGetThrough,
  DEFAULT_PATHS,
  forbiddingPolicy,
  IMAGE,
  installHook,
  LABELS,
  testStarts,
} from '../support/starts/first-instruction.js';
import { ServiceDaemon } from '../support/starts/service-daemon.js';

const daemon = new ServiceDaemon();
const client = new Client(daemon.address);
let byHook: CriStarts;
let byNri: CriStarts;

before(async () => {
  byHook = new CriStarts('containerd 1.6', await Containerd.start({ version: '1.6' }));
  byNri = new CriStarts('containerd 1.7', await Containerd.start({ version: '1.7' }));
  for (const path of [byHook, byNri]) await withFirstAccessRoot((root) => path.importImage(root, IMAGE));
  const sockets = [byHook, byNri].map(({ containerd }) => containerd.address).join();
  await daemon.start(...DEFAULT_PATHS, '--cri-socket', sockets, '--nri-socket', NRI.socket);
  await client.call('PolicyService', 'ApplyPolicy', { manifest: forbiddingPolicy('by-label', LABELS) });
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM');
  for (const path of [byHook, byNri]) await path?.containerd.stop();
});

/** As an administrator does, so that the changed configuration takes effect. */
async function restart(containerd: Containerd): Promise<void> {
  await containerd.interrupt();
  await containerd.startAgain();
}

test("containerd without the hook: a pod's container runs its first instructions before its policy is in force", async () => {
  for (const path of [byHook, byNri]) await assertAccessesGetThrough(path);
  installHook('containerd', '--config', byHook.containerd.configurationPath);
  await restart(byHook.containerd);
});

testStarts('containerd 1.6, by the hook in its base specification', () => byHook, client, LABELS);

test('the daemon takes part in NRI once containerd offers it', { timeout: 120_000 }, async () => {
  appendFileSync(byNri.containerd.configurationPath, NRI.configuration);
  await restart(byNri.containerd);
  for (;;) {
    const { sources } = await client.call('HostService', 'GetStatus');
    if (sources.some(({ name, connected }: { name: string; connected: boolean }) => name === 'nri' && connected)) break;
    await sleep(100);
  }
});

testStarts('containerd 1.7, by NRI', () => byNri, client, LABELS);
