import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client } from '../support/client.js';
import { Containerd } from '../support/containerd.js';
import { Daemon } from '../support/daemon.js';
import { CriStarts } from '../support/starts/cri-starts.js';
import { withFirstAccessRoot } from '../support/starts/first-access.js';
import {
  assertAccessesGetThrough,
  assertNothingGetsThrough,
  forbiddingPolicy,
  IMAGE,
  installHook,
  LABELS,
  STATE_DIRECTORY,
  startContainers,
} from '../support/starts/first-instruction.js';

const NRI_SOCKET = '/run/nri-test/nri.sock';
/** Long enough for what is emulated: NRI lets a container go on when its plugin is late. */
const NRI_CONFIGURATION = `[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "${NRI_SOCKET}"
  plugin_path = "/run/nri-test/plugins"
  plugin_config_path = "/run/nri-test/conf.d"
  plugin_request_timeout = "60s"
`;

const daemon = new Daemon();
const client = new Client(daemon.address);
let byHook: CriStarts;
let byNri: CriStarts;

before(async () => {
  byHook = new CriStarts('containerd 1.6', await Containerd.start({ version: '1.6' }));
  byNri = new CriStarts('containerd 1.7', await Containerd.start({ version: '1.7', configuration: NRI_CONFIGURATION }));
  for (const path of [byHook, byNri]) await withFirstAccessRoot((root) => path.importImage(root, IMAGE));
  const sockets = [byHook, byNri].map(({ containerd }) => containerd.address).join();
  await daemon.start('--state-dir', STATE_DIRECTORY, '--cri-socket', sockets, '--nri-socket', 'off');
  await client.call('PolicyService', 'ApplyPolicy', { manifest: forbiddingPolicy('by-label', LABELS) });
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM');
  for (const path of [byHook, byNri]) await path?.containerd.stop();
});

test("without the hook, what a pod's container does first is done before its policy is in force", async () => {
  for (const path of [byHook, byNri]) assertAccessesGetThrough(await startContainers(path, 'without', 1, 1));
});

test("no pod's container of containerd 1.6 makes an access before its policy, by the hook in its base specification", async () => {
  const { containerd } = byHook;
  installHook('containerd', '--config', join(containerd.directory, 'config.toml'));
  await containerd.interrupt();
  await containerd.startAgain();
  await assertNothingGetsThrough(byHook, client, LABELS);
});

test("no pod's container of containerd 1.7 makes an access before its policy, by NRI", async () => {
  await daemon.end('SIGTERM');
  const sockets = byNri.containerd.address;
  await daemon.start('--state-dir', STATE_DIRECTORY, '--cri-socket', sockets, '--nri-socket', NRI_SOCKET);
  await assertNothingGetsThrough(byNri, client, LABELS);
});
