import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { connect as connectSocket, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { connect, type HauberkClient } from '../../src/client/index.js';
import { AccessClass, Action } from '../../src/generated/hauberk/v1/policy.js';
import { connectionBytes } from '../support/hostile-frames.js';
import { closeHostile, connectHostile, HOSTILE_REQUESTS } from '../support/hostile-requests.js';
import { KubearmorClient } from '../support/kubearmor-client.js';
import { plainPolicies } from '../support/many-policies.js';
import { makePolicy, makeRule } from '../support/policy-messages.js';
import type { Listening } from './server.js';
import { KUBEARMOR_SOCKET, SOCKET } from './socket-names.js';

/** The addresses of the daemon. */
export interface Target extends Listening {
  readonly directory: string;
}

interface Task {
  /** Milliseconds between two runs. */
  readonly pause: number;
  run(round: number): Promise<unknown>;
}

const FIRST_CONTAINER = '0'.repeat(64);
/** How many profiles are created and deleted. */
const PROFILES = 3;
const SILENT_CONNECTIONS = 40;
const VICTIM_MILLISECONDS = 3000;
/** How long a connection with random frames lasts. */
const FRAMES_MILLISECONDS = 200;

/** The next round of each task, over all loads of this process. */
const nextRound = new Map<string, number>();

/** Loads a daemon for a time with everything that clients do, good and bad; leaves no connection open. */
export async function load(target: Target, milliseconds: number): Promise<Record<string, number>> {
  const socket = join(target.directory, SOCKET);
  const address = `unix:${socket}`;
  const client = connect({ address, timeoutMilliseconds: 120_000 });
  const hostile = connectHostile(address);
  const kubearmor = new KubearmorClient(`unix:${join(target.directory, KUBEARMOR_SOCKET)}`);
  const stopping = AbortSignal.timeout(milliseconds);
  const followers = [{}, { namespaces: ['default'] }, { objectPattern: '/srv/*1' }].map((filter) =>
    follow(client, filter, stopping),
  );
  const tasks: Readonly<Record<string, Task>> = {
    registrations: { pause: 100, run: (round) => register(client, round) },
    synchronised: { pause: 2500, run: (round) => synchronise(client, round) },
    policies: { pause: 300, run: (round) => changePolicy(client, round) },
    profiles: { pause: 3000, run: (round) => profile(client, round) },
    postures: { pause: 1500, run: (round) => change(client, round) },
    reads: { pause: 500, run: () => readAll(client) },
    history: { pause: 2000, run: (round) => readJournal(client, round) },
    killed: { pause: 4000, run: () => killClient(target) },
    hostile: { pause: 2000, run: (round) => HOSTILE_REQUESTS[round % HOSTILE_REQUESTS.length]!.send(hostile) },
    frames: { pause: 150, run: (round) => sendFrames(socket, round) },
    certified: { pause: 1000, run: () => useCertificate(target) },
    silent: { pause: 5000, run: (round) => staySilent([target.tlsPort, target.metricsPort][round % 2]!) },
    scrapes: { pause: 1000, run: () => scrape(target.metricsPort) },
    kubearmor: { pause: 1000, run: (round) => followAlerts(kubearmor, round) },
  };
  const runs = Object.fromEntries(Object.keys(tasks).map((name) => [name, 0]));
  await Promise.all(
    Object.entries(tasks).map(async ([name, { pause, run }]) => {
      for (let round = nextRound.get(name) ?? 0; !stopping.aborted; nextRound.set(name, ++round)) {
        // Requests may be refused: the test is about what they leave behind.
        const isDone = await run(round).then(
          () => true,
          () => false,
        );
        if (isDone) runs[name]!++;
        await sleep(pause);
      }
    }),
  );
  await Promise.all(followers);
  await clear(client);
  client.close();
  closeHostile(hostile);
  kubearmor.close();
  return runs;
}

/** Removes what was created, also by calls that ended late. */
async function clear(client: HauberkClient): Promise<void> {
  await client.policies.syncPolicies({});
  await client.containers.syncContainers({});
  for (let number = 0; number < PROFILES; number++)
    await client.profiles.deleteProfile({ name: `p${number}` }).catch(() => undefined);
}

async function follow(client: HauberkClient, filter: object, signal: AbortSignal): Promise<void> {
  for await (const { events } of client.events(filter, { signal })) events.at(0);
}

async function register(client: HauberkClient, round: number): Promise<void> {
  const number = 10_000 + (round % 500);
  const id = `${number}`.padStart(64, 'a');
  const value = { pidNamespace: number, mountNamespace: number };
  const labels = { app: 'short', round: `${round}` };
  await client.containers.registerContainer({ id, labels, identity: { $case: 'namespaces', value } });
  if (round % 3 > 0) await client.containers.unregisterContainer({ id });
}

async function synchronise(client: HauberkClient, round: number): Promise<void> {
  if (round % 4 === 3) await client.containers.syncContainers({});
  else await client.policies.syncPolicies({ policies: plainPolicies(50 + (round % 5)) });
}

async function changePolicy(client: HauberkClient, round: number): Promise<void> {
  const name = `changing-${round % 20}`;
  const rules = Array.from({ length: 1 + (round % 30) }, (_, index) =>
    makeRule({ match: { $case: 'path', value: `/srv/${round}/${index}` }, action: Action.BLOCK }),
  );
  await client.policies.applyPolicy({ source: { $case: 'policy', value: makePolicy({ name, rules }) } });
  await client.policies.explain({
    subject: { $case: 'containerId', value: FIRST_CONTAINER },
    operation: 'read',
    object: `/srv/${round}/0`,
  });
  if (round % 2 === 0) await client.policies.deletePolicy({ name });
}

async function profile(client: HauberkClient, round: number): Promise<void> {
  const name = `p${round % PROFILES}`;
  await client.profiles.deleteProfile({ name }).catch(() => undefined);
  await client.profiles.startProfile({ name, subject: { $case: 'containerId', value: FIRST_CONTAINER } });
  await sleep(1000);
  await client.profiles.stopProfile({ name });
  await client.profiles.suggestPolicy({ name }).catch(() => undefined);
  await client.profiles.deleteProfile({ name });
}

async function change(client: HauberkClient, round: number): Promise<void> {
  const namespace = `n${round % 50}`;
  const postures = round % 2 === 0 ? [{ class: AccessClass.FILE, action: Action.BLOCK }] : [];
  await client.policies.setPosture({ namespace, postures });
  await client.telemetry.setVisibility({
    namespace,
    ...(round % 2 === 0 ? { classes: [AccessClass.FILE] } : { reset: true }),
  });
}

async function readAll(client: HauberkClient): Promise<void> {
  await client.containers.listContainers();
  await client.policies.listPolicies();
  await client.host.getStatus();
  await client.state.backup();
  await client.containers.getEffectivePolicy({ containerId: FIRST_CONTAINER });
}

/** Reads some events from the journal. */
async function readJournal(client: HauberkClient, round: number): Promise<void> {
  const seconds = BigInt(Math.floor(Date.now() / 1000) - 5 * (1 + (round % 5)));
  let count = 0;
  for await (const { events } of client.events({ since: { seconds, nanos: 0 }, storedOnly: true })) {
    count += events.length;
    if (count > 5000) return;
  }
}

async function killClient({ directory }: Target): Promise<void> {
  const sockets = [SOCKET, KUBEARMOR_SOCKET].map((name) => join(directory, name));
  const child: ChildProcess = fork('build/test/soak/victim.js', sockets);
  // It may end by itself.
  const ended = once(child, 'exit');
  await Promise.race([once(child, 'message'), ended]);
  await Promise.race([sleep(Math.random() * VICTIM_MILLISECONDS), ended]);
  child.kill('SIGKILL');
  await ended;
}

/** Connects over TLS, asks, and follows events for a moment. */
async function useCertificate({ directory, tlsPort }: Target): Promise<void> {
  const file = (name: string) => readFileSync(join(directory, name));
  const tls = { ca: file('authority.pem'), certificate: file('viewer.pem'), key: file('viewer.key') };
  const client = connect({ address: `localhost:${tlsPort}`, tls, timeoutMilliseconds: 10_000 });
  try {
    await client.host.getStatus();
    await follow(client, {}, AbortSignal.timeout(500));
  } finally {
    client.close();
  }
}

async function sendFrames(path: string, round: number): Promise<void> {
  const socket = connectSocket(path);
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(fc.sample(connectionBytes, { numRuns: 1, seed: round })[0]!);
  await sleep(FRAMES_MILLISECONDS);
  socket.destroy();
}

async function staySilent(port: number): Promise<void> {
  const sockets: Socket[] = Array.from({ length: SILENT_CONNECTIONS }, () => connectSocket(port, '127.0.0.1'));
  for (const socket of sockets) socket.on('error', () => undefined);
  await sleep(2000);
  for (const socket of sockets) socket.destroy();
}

async function scrape(port: number): Promise<void> {
  const [response] = await once(get({ port, path: '/metrics', agent: false }), 'response');
  response.resume();
  await once(response, 'end');
}

async function followAlerts(kubearmor: KubearmorClient, round: number): Promise<void> {
  const { stream, opened, ended, received } = kubearmor.watchAlerts('policy');
  const refused = ended.then((code) => Promise.reject(new Error(code)));
  await Promise.race([opened, refused]);
  await sleep(500);
  received.length = 0;
  stream.cancel();
  const metadata = { name: `karmor-${round % 10}`, namespace: 'default' };
  const spec = { selector: { matchLabels: { app: 'web' } }, file: { matchPaths: [{ path: `/k/${round}` }] } };
  const type = round % 3 === 2 ? 'DELETED' : 'ADDED';
  await kubearmor.sendPolicy('containerPolicy', { type, object: { metadata, spec: { ...spec, action: 'Block' } } });
}
