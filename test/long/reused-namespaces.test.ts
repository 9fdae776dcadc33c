import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { namespaceKey } from '../../src/containers/container.js';
import { namespacesOf } from '../../src/containers/procfs.js';
import { Client } from '../support/client.js';
import { Daemon } from '../support/daemon.js';

const daemon = new Daemon();
let client = new Client(daemon.address);
const MANIFEST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: numbers}
spec:
  selector: {matchLabels: {app: numbers}}
  file: {matchPaths: [{path: /etc/hostname}]}`;

/** A waiting process in namespaces of its own, which to the kernel is a container. */
class Sandbox {
  readonly #unshare: ChildProcess;
  #init = 0;

  constructor() {
    this.#unshare = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', 'sleep', '100000']);
  }

  async started(): Promise<this> {
    const { pid } = this.#unshare;
    for (;;) {
      this.#init = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
      if (this.#init > 0 && readFileSync(`/proc/${this.#init}/comm`, 'utf8') === 'sleep\n') return this;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  get pid(): number {
    return this.#init;
  }

  get numbers(): string {
    return namespaceKey(namespacesOf(this.#init));
  }

  canRead(): boolean {
    const into = ['--target', `${this.#init}`, '--mount', '--pid'];
    const { status, stderr } = spawnSync('nsenter', [...into, '/bin/cat', '/etc/hostname'], { encoding: 'utf8' });
    if (status !== 0) assert.match(stderr, /hostname: Permission denied/);
    return status === 0;
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#unshare.once('exit', resolve));
    this.#unshare.kill('SIGKILL');
    await ended;
  }
}

const sandboxes: Sandbox[] = [];

async function startSandbox(): Promise<Sandbox> {
  const sandbox = await new Sandbox().started();
  sandboxes.push(sandbox);
  return sandbox;
}

/** Starts containers until the kernel reuses the namespace numbers of one that has ended. */
async function startWithNumbers(numbers: string): Promise<Sandbox> {
  for (let tries = 0; tries < 100; tries++) {
    const sandbox = await startSandbox();
    if (sandbox.numbers === numbers) return sandbox;
  }
  throw new Error(`no container was given the numbers ${numbers}`);
}

const register = (id: string, { pid }: Sandbox, labels: Record<string, string>) =>
  client.call('ContainerService', 'RegisterContainer', { id, name: id, namespace: 'default', labels, pid });

before(async () => {
  await daemon.start('--docker-socket=off');
  await client.call('PolicyService', 'ApplyPolicy', { manifest: MANIFEST });
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM').catch(() => undefined);
  for (const sandbox of sandboxes) await sandbox.end();
});

test('a container with the namespace numbers of one that ended while no daemon ran inherits no policy', async () => {
  const first = await startSandbox();
  await register('first', first, { app: 'numbers' });
  assert.equal(first.canRead(), false);
  const { numbers } = first;

  await daemon.end('SIGKILL');
  assert.equal(first.canRead(), false);
  sandboxes.splice(0);
  await first.end();
  const second = await startWithNumbers(numbers);
  assert.equal(second.canRead(), true);

  client.close();
  await daemon.start('--docker-socket=off');
  client = new Client(daemon.address);
  assert.deepEqual((await client.call('ContainerService', 'ListContainers')).containers, []);
  assert.equal(second.canRead(), true);
  await register('second', second, { app: 'numbers' });
  assert.equal(second.canRead(), false);
});
