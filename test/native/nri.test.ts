import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { criConnection } from '../../src/sources/cri.js';
import { NriConnection } from '../../src/sources/nri/connection.js';
import type { OnStart, StartingContainer, WhenUnprotected } from '../../src/sources/nri/held-starts.js';
import type { SourceContainer } from '../../src/sources/source.js';
import { BUSYBOX_IMAGE, Containerd, type ContainerdVersion, containerdMissing } from '../support/containerd.js';

const WAIT_MILLISECONDS = 60_000;

/** Waits until a condition holds. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = Date.now() + WAIT_MILLISECONDS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A plugin of containerd for one test. */
class Plugin {
  readonly reported: string[] = [];
  readonly requested: StartingContainer[] = [];
  running: readonly SourceContainer[] = [];
  connected = 0;
  onStart: OnStart = async () => ({ outcome: 'protected' });
  readonly #stop = new AbortController();
  /** Resolves when following ends, with the cause or, if it was stopped, undefined. */
  ended: Promise<Error | undefined>;
  readonly #connection: NriConnection;

  constructor(address: string, whenUnprotected: WhenUnprotected) {
    this.#connection = new NriConnection({
      name: 'containerd',
      address,
      onStart: (container, signal) => {
        this.requested.push(container);
        return this.onStart(container, signal);
      },
      onUnknown: () => undefined,
      whenUnprotected: () => whenUnprotected,
    });
    this.ended = this.follow();
  }

  follow(): Promise<Error | undefined> {
    this.ended = this.#connection
      .follow(
        {
          running: (all) => {
            this.running = all;
            this.reported.push(`running ${all.map(({ description }) => description.id).join(' ')}`);
          },
          started: ({ description }) => this.reported.push(`started ${description.id}`),
          ended: (id) => this.reported.push(`ended ${id}`),
        },
        () => {
          this.connected++;
        },
        this.#stop.signal,
      )
      .then(
        () => undefined,
        (error: Error) => error,
      );
    return this.ended;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }
}

for (const version of ['1.7', '2'] satisfies ContainerdVersion[])
  describe(`NRI of containerd ${version}`, { skip: containerdMissing(version) ?? false }, () => {
    const directory = mkdtempSync(join(tmpdir(), 'hauberk-nri-'));
    const address = join(directory, 'nri.sock');
    let containerd: Containerd;
    let plugin: Plugin;
    let made = 0;

    before(async () => {
      containerd = await Containerd.start({
        version,
        configuration: `[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "${address}"
  plugin_path = "${directory}/plugins"
  plugin_config_path = "${directory}/conf.d"
`,
      });
    });
    after(async () => {
      await containerd?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    async function connect(whenUnprotected: WhenUnprotected): Promise<Plugin> {
      plugin = new Plugin(address, whenUnprotected);
      await until('the plugin is connected', () => plugin.connected === 1);
      return plugin;
    }

    /** A pod with one container that leaves a file when it runs its first program. */
    async function prepare() {
      const shared = join(directory, `shared-${++made}`);
      mkdirSync(shared);
      const name = `shop-${made}`;
      const pod = await containerd.runtime.runPod({ name, namespace: 'trade', labels: { app: 'shop' } });
      const id = await containerd.runtime.createContainer(pod, {
        name: 'cashier',
        image: BUSYBOX_IMAGE,
        command: ['/bin/sh', '-c', 'echo it ran > /shared/ran; sleep 1000'],
        mounts: [{ hostPath: shared, containerPath: '/shared' }],
      });
      const ran = () => existsSync(join(shared, 'ran'));
      return { pod, id, name, ran, start: () => containerd.runtime.startContainer(id) };
    }

    test("a container's first instruction waits for the answer", async (context) => {
      const { requested, reported } = await connect('refuse');
      context.after(() => plugin.stop());
      let release = (): void => undefined;
      plugin.onStart = () =>
        new Promise((resolve) => {
          release = () => resolve({ outcome: 'protected' });
        });
      const { pod, id, name, ran, start } = await prepare();
      const started = start();
      started.catch(() => undefined);
      await until('the plugin gets the start', () => requested.length === 1);
      const { pid, podUid, annotations, description, ...rest } = requested[0]!;
      const config = pod.config as { metadata: { uid: string } };
      assert.deepEqual(rest, {
        id,
        name: 'cashier',
        podName: name,
        podNamespace: 'trade',
        sandboxId: pod.id,
        labels: {
          app: 'shop',
          'io.kubernetes.pod.name': name,
          'io.kubernetes.pod.namespace': 'trade',
          'io.kubernetes.pod.uid': config.metadata.uid,
        },
      });
      assert.equal(description.id, id);
      assert.equal(podUid, config.metadata.uid);
      assert.equal(annotations['io.kubernetes.cri.image-name'], BUSYBOX_IMAGE);
      // Still runc itself, but within the container's root.
      assert.match(readFileSync(`/proc/${pid}/comm`, 'utf8'), /^runc:/);
      assert.equal(readFileSync(`/proc/${pid}/root/etc/passwd`, 'utf8'), 'root:x:0:0:root:/:/bin/sh\n');
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal(ran(), false);
      assert.deepEqual(reported, ['running ']);

      release();
      await started;
      await until('it has run', ran);
      assert.deepEqual(reported, ['running ', `started ${id}`]);

      await containerd.runtime.stopContainer(id);
      assert.deepEqual(reported, ['running ', `started ${id}`, `ended ${id}`]);
    });

    test('a start that is refused fails with the reason, and the container runs nothing', async (context) => {
      const { reported } = await connect('refuse');
      context.after(() => plugin.stop());
      plugin.onStart = async () => ({ outcome: 'unprotected', reason: 'its policies do not fit' });
      const { id, ran, start } = await prepare();
      await assert.rejects(start(), /Hauberk refuses the start: its policies do not fit/);
      await until('its end is reported', () => reported.includes(`ended ${id}`));
      assert.equal(ran(), false);
      assert.ok(!reported.includes(`started ${id}`));
    });

    for (const whenUnprotected of ['refuse', 'allow'] as const)
      test(`without an answer in time: ${whenUnprotected}, and the plugin still gets the next start`, async (context) => {
        const { requested, reported } = await connect(whenUnprotected);
        context.after(() => plugin.stop());
        plugin.onStart = () => new Promise(() => undefined);
        const { id, ran, start } = await prepare();
        const begun = Date.now();
        if (whenUnprotected === 'allow') await start();
        else await assert.rejects(start(), /Hauberk refuses the start: not under its policies within \d+ ms/);
        assert.ok(Date.now() - begun > 1500, `it was held for ${Date.now() - begun} ms`);
        if (whenUnprotected === 'allow') await until('it has run', ran);
        assert.equal(ran(), whenUnprotected === 'allow');
        assert.equal(reported.includes(`started ${id}`), whenUnprotected === 'allow');

        plugin.onStart = async () => ({ outcome: 'protected' });
        const next = await prepare();
        await next.start();
        await until('it has run', next.ran);
        assert.deepEqual(
          requested.map((container) => container.id),
          [id, next.id],
        );
      });

    test('containers that run when the plugin connects are reported, and described as by CRI', async (context) => {
      const running = await prepare();
      await running.start();
      const waiting = await prepare();
      const ended = await prepare();
      await ended.start();
      await containerd.runtime.stopContainer(ended.id);
      const { reported } = await connect('refuse');
      context.after(() => plugin.stop());
      const listed = reported[0]!.split(' ').slice(1);
      assert.ok(listed.includes(running.id));
      assert.ok(![waiting.id, ended.id, running.pod.id].some((id) => listed.includes(id)));

      const stop = new AbortController();
      const byCri = await new Promise<readonly SourceContainer[]>((resolve, reject) => {
        const sink = { running: resolve, started: () => undefined, ended: () => undefined };
        criConnection({ name: 'containerd', address: containerd.address })
          .follow(sink, () => undefined, stop.signal)
          .catch(reject);
      });
      stop.abort();
      const byId = (one: SourceContainer, other: SourceContainer) =>
        one.description.id.localeCompare(other.description.id);
      assert.deepEqual([...plugin.running].sort(byId), [...byCri].sort(byId));
    });

    test('a container that ends by itself is reported', async (context) => {
      const { requested, reported } = await connect('refuse');
      context.after(() => plugin.stop());
      const { id, start } = await prepare();
      await start();
      process.kill(requested[0]!.pid, 'SIGKILL');
      await until('its end is reported', () => reported.includes(`ended ${id}`));
    });

    test('after a restart of containerd the plugin can connect again, gets the running containers and holds starts', async (context) => {
      const { requested, reported } = await connect('refuse');
      context.after(() => plugin.stop());
      const first = await prepare();
      await first.start();
      const lost = plugin.ended;
      await containerd.interrupt();
      assert.equal((await lost)!.message, 'the runtime closed the connection');

      await containerd.startAgain();
      await until('the socket is there', () => existsSync(address));
      reported.length = 0;
      plugin.follow();
      await until('the plugin is connected again', () => plugin.connected === 2);
      assert.ok(reported[0]!.split(' ').includes(first.id));

      plugin.onStart = async () => ({ outcome: 'unprotected', reason: 'still asked' });
      const second = await prepare();
      await assert.rejects(second.start(), /still asked/);
      assert.deepEqual(
        requested.map(({ id }) => id),
        [first.id, second.id],
      );
    });

    test('when the daemon stops, a start that waits is decided, and later ones continue without it', async () => {
      const { requested } = await connect('refuse');
      plugin.onStart = () => new Promise(() => undefined);
      const waiting = await prepare();
      const start = waiting.start();
      start.catch(() => undefined);
      await until('the plugin gets the start', () => requested.length === 1);
      await plugin.stop();
      await assert.rejects(start, /Hauberk refuses the start: hauberkd is stopping/);
      assert.equal(waiting.ran(), false);
      const later = await prepare();
      await later.start();
      await until('it has run', later.ran);
    });
  });
