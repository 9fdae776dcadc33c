import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { pino } from 'pino';
import { connect } from '../../src/client/index.js';
import { parseConfig } from '../../src/config/config.js';
import { namespaceKey } from '../../src/containers/container.js';
import { Failure } from '../../src/failure.js';
import { describeMissing, explainMissing } from '../../src/kernel/missing-hooks.js';
import { ServiceManager } from '../../src/service-manager.js';
import { startDaemon } from '../../src/start-daemon.js';
import { Store } from '../../src/store/store.js';
import { DaemonKernel } from '../support/daemon-kernel.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';

const HOST = { namespaces: { pidNamespace: 1, mountNamespace: 2 }, root: '', links: { '/bin': '/usr/bin' } };

const HOST_POLICY = `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: p}
spec: {nodeSelector: {matchLabels: {}}, file: {matchPaths: [{path: /srv/secret}]}, action: Block}`;

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string };
}

/** A daemon over a kernel in memory, with everything else as it is. */
class TestDaemon {
  readonly directory = mkdtempSync(join(tmpdir(), 'hd-'));
  readonly kernel = new DaemonKernel();
  readonly lines: Line[] = [];
  readonly reported: string[] = [];
  readonly socket = join(this.directory, 's');
  readonly stateDirectory = join(this.directory, 'state');

  constructor(t: TestContext) {
    t.after(() => rmSync(this.directory, { recursive: true }));
  }

  start(...flags: string[]) {
    const off = ['docker', 'cri', 'podman', 'nri', 'hook'].flatMap((name) => [`--${name}-socket`, 'off']);
    const places = ['--listen', `unix:${this.socket}`, '--state-dir', this.stateDirectory];
    return startDaemon(
      parseConfig([...places, ...off, '--metrics', 'off', ...flags], () => assert.fail('no file was named')),
      {
        access: undefined,
        host: HOST,
        inheritedSocket: undefined,
        manager: new ServiceManager({ NOTIFY_SOCKET: '/notify' }, (_, text) => {
          this.reported.push(text);
          return true;
        }),
        logger: pino({}, { write: (line) => void this.lines.push(JSON.parse(line)) }),
        openKernel: () => {
          if (this.kernel.fails === 'openKernel') throw new Error('openKernel fails');
          return this.kernel.asKernel;
        },
      },
    );
  }

  get warnings(): string[] {
    return this.lines.filter(({ level }) => level > 30).map(({ msg }) => msg);
  }

  /** It can be opened again only when it was closed. */
  async assertStoreIsClosed(): Promise<void> {
    const store = await Store.open(this.stateDirectory);
    await store.close();
  }
}

describe('the daemon', () => {
  test('enforces what it is given, serves it, and closes everything in reverse when it is stopped', async (t) => {
    const daemon = new TestDaemon(t);
    const running = await daemon.start('--events-per-second', '9', '--event-burst', '90');
    assert.equal(running.address, `unix:${daemon.socket}`);
    assert.deepEqual(daemon.reported, ['READY=1']);
    assert.deepEqual(daemon.kernel.limit, { perSecond: 9, burst: 90 });
    const client = connect({ address: running.address });
    t.after(() => client.close());
    await client.policies.applyPolicy({ source: { $case: 'manifest', value: HOST_POLICY } });
    assert.ok(daemon.kernel.published.has(namespaceKey(HOST.namespaces)), 'the host has an image');
    const { policies } = await client.policies.listPolicies();
    assert.deepEqual(
      policies.map(({ name }) => name),
      ['p'],
    );
    client.close();
    await running.stop();
    assert.deepEqual(daemon.reported, ['READY=1', 'STOPPING=1']);
    // The ring with its journal, then all of the kernel; what is in force stays so.
    assert.deepEqual(daemon.kernel.ends, ['removal given up', 'closed', 'closed']);
    assert.equal(existsSync(daemon.socket), false);
    assert.deepEqual(daemon.warnings, []);
    await daemon.assertStoreIsClosed();
  });

  test('what was applied is in force again after the next start, and one that the kernel does not take closes all', async (t) => {
    const daemon = new TestDaemon(t);
    const first = await daemon.start();
    const client = connect({ address: first.address });
    t.after(() => client.close());
    await client.policies.applyPolicy({ source: { $case: 'manifest', value: HOST_POLICY } });
    client.close();
    await first.stop();
    daemon.kernel.published.clear();
    const again = await daemon.start();
    assert.deepEqual([...daemon.kernel.published.keys()], [namespaceKey(HOST.namespaces)]);
    await again.stop();
    assert.deepEqual(daemon.warnings, []);
    daemon.kernel.failure = new Error('no room');
    daemon.kernel.ends.length = 0;
    await assert.rejects(daemon.start(), (thrown) => thrown instanceof Failure && /no room/.test(thrown.message));
    assert.equal(daemon.kernel.ends.at(-1), 'closed');
    await daemon.assertStoreIsClosed();
  });

  test('takes the programs out of the kernel at its end where the configuration says so', async (t) => {
    const daemon = new TestDaemon(t);
    const running = await daemon.start('--detach-on-exit');
    await running.stop();
    assert.equal(daemon.kernel.ends.at(-1), 'detached');
  });

  test('stops once, whoever asks how often', async (t) => {
    const daemon = new TestDaemon(t);
    const running = await daemon.start();
    await Promise.all([running.stop(), running.stop()]);
    assert.deepEqual(daemon.kernel.ends, ['removal given up', 'closed', 'closed']);
  });

  for (const [step, ends] of Object.entries({
    openKernel: [],
    newestImage: ['closed'],
    openRing: ['closed'],
    allSuppressed: ['closed', 'closed'],
    limitEvents: ['closed', 'closed'],
  })) {
    test(`a start that fails at ${step} closes in reverse what it has opened, and detaches nothing`, async (t) => {
      const daemon = new TestDaemon(t);
      daemon.kernel.fails = step;
      await assert.rejects(daemon.start('--detach-on-exit'), new Error(`${step} fails`));
      assert.deepEqual(daemon.kernel.ends, ends);
      assert.deepEqual(daemon.reported, []);
      assert.equal(existsSync(daemon.socket), false);
      assert.deepEqual(daemon.warnings, []);
      await daemon.assertStoreIsClosed();
    });
  }

  test('programs of an earlier build that cannot be taken away are reported, and keep nothing from starting', async (t) => {
    const daemon = new TestDaemon(t);
    daemon.kernel.fails = 'removeReplaced';
    const running = await daemon.start();
    await running.stop();
    assert.deepEqual(daemon.warnings, ['cannot take away the programs of an earlier build']);
    assert.equal(daemon.lines.find(({ level }) => level > 30)?.err?.message, 'removeReplaced fails');
  });

  test('a start whose address is taken closes what was started before, and says which', async (t) => {
    const daemon = new TestDaemon(t);
    const other = createServer().listen(0, '127.0.0.1');
    t.after(() => other.close());
    await eventually(() => other.address() !== null);
    const { port } = other.address() as { port: number };
    await assert.rejects(
      daemon.start('--listen', `127.0.0.1:${port}`, '--insecure-tcp'),
      (thrown) =>
        thrown instanceof Failure && thrown.code === 'failed-precondition' && thrown.message.includes(String(port)),
    );
    assert.deepEqual(daemon.kernel.ends, ['removal given up', 'closed', 'closed']);
    await daemon.assertStoreIsClosed();
  });

  test("a start that cannot serve KubeArmor's clients stops serving its own", async (t) => {
    const daemon = new TestDaemon(t);
    const other = createServer().listen(0, '127.0.0.1');
    t.after(() => other.close());
    await eventually(() => other.address() !== null);
    const { port } = other.address() as { port: number };
    await assert.rejects(daemon.start('--kubearmor-listen', `127.0.0.1:${port}`), Failure);
    assert.equal(existsSync(daemon.socket), false);
    assert.deepEqual(daemon.kernel.ends, ['removal given up', 'closed', 'closed']);
    await daemon.assertStoreIsClosed();
  });

  test('a damaged store is served, with nothing brought into the kernel', async (t) => {
    const daemon = new TestDaemon(t);
    await (await daemon.start()).stop();
    rmSync(join(daemon.stateDirectory, 'store'), { recursive: true, force: true });
    daemon.kernel.published.clear();
    const running = await daemon.start();
    assert.deepEqual([...daemon.kernel.published.keys()], []);
    assert.equal(daemon.lines.at(-1)?.msg, 'serving');
    await running.stop();
  });

  test('tells its metrics where it is told to, with what the kernel and the rooms count, until it is stopped', async (t) => {
    const daemon = new TestDaemon(t);
    const port = await freePort();
    const running = await daemon.start('--metrics', `127.0.0.1:${port}`);
    t.after(() => running.stop());
    const client = connect({ address: running.address });
    t.after(() => client.close());
    await client.policies.applyPolicy({ source: { $case: 'manifest', value: HOST_POLICY } });
    const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const metrics = await scrape();
    for (const line of [
      'hauberk_policies 1',
      'hauberk_images 1',
      'hauberk_enforcing 1',
      'hauberk_profiles_running 0',
      'hauberk_metrics_connections_closed_total 0',
      'hauberk_containers_visible 0',
      'hauberk_held_descriptors{of="files"} 0',
      'hauberk_events_dropped_total{cause="journal"} 0',
    ])
      assert.ok(metrics.includes(`\n${line}`), `${line} of ${metrics.match(/^hauberk_(?:held|images|prof).*$/gmu)}`);
    assert.match(metrics, /^hauberk_apply_duration_seconds_count [1-9]/mu);
    client.close();
    await running.stop();
    await assert.rejects(scrape());
    assert.deepEqual(daemon.warnings, []);
    const bare = await daemon.start('--metrics', `127.0.0.1:${port}`, '--journal-bytes', '0');
    t.after(() => bare.stop());
    assert.doesNotMatch(await scrape(), /cause="journal"/u);
  });

  test("serves KubeArmor's clients where it is told to, until it is stopped", async (t) => {
    const daemon = new TestDaemon(t);
    const port = await freePort();
    const running = await daemon.start('--kubearmor-listen', `127.0.0.1:${port}`);
    t.after(() => running.stop());
    const connection = () =>
      new Promise<boolean>((resolve) => {
        const socket = connectTo(port, '127.0.0.1', () => {
          socket.destroy();
          resolve(true);
        }).on('error', () => resolve(false));
      });
    assert.equal(await connection(), true);
    await running.stop();
    assert.equal(await connection(), false);
  });

  test('a hook that the kernel lacks is logged with the reason, and is a warning of the host', async (t) => {
    const daemon = new TestDaemon(t);
    const missing = {
      program: 'hauberk_path_chown',
      hook: 'path_chown',
      cause: 'absent',
      reason: 'no such hook',
    } as const;
    daemon.kernel.missingHooks = [missing];
    const running = await daemon.start();
    t.after(() => running.stop());
    assert.deepEqual(daemon.warnings, [explainMissing(missing)]);
    const client = connect({ address: running.address });
    t.after(() => client.close());
    const { warnings } = await client.host.getStatus({});
    assert.ok(warnings.includes(describeMissing(missing)), warnings.join());
    client.close();
    await running.stop();
  });

  test('where no witness can be kept it is told, as the daemon starts and by its status', async (t) => {
    const daemon = new TestDaemon(t);
    writeFileSync(`${daemon.stateDirectory}-witness`, '');
    const running = await daemon.start();
    t.after(() => running.stop());
    assert.match(daemon.warnings.join(), /^no witness of the stored state is kept: /u);
    const client = connect({ address: running.address });
    t.after(() => client.close());
    const { warnings } = await client.host.getStatus({});
    assert.ok(
      warnings.some((each) => each.startsWith('no witness of the stored state is kept')),
      warnings.join(),
    );
    client.close();
    await running.stop();
  });

  test('a state that cannot be written is logged, a warning of the host, and logged again when it can be', async (t) => {
    const daemon = new TestDaemon(t);
    const running = await daemon.start();
    t.after(() => running.stop());
    const client = connect({ address: running.address });
    t.after(() => client.close());
    const apply = () => client.policies.applyPolicy({ source: { $case: 'manifest', value: HOST_POLICY } });
    const batch = t.mock.method(ClassicLevel.prototype, 'batch', async () => {
      throw new Error('IO error: /x: No space left on device');
    });
    await assert.rejects(apply());
    const problem = `cannot write to ${daemon.stateDirectory}: no space left on device`;
    const line = daemon.lines.find(({ level }) => level === 50);
    assert.equal(line?.msg, problem);
    assert.match(line?.err?.message ?? '', /No space left/u);
    assert.ok((await client.host.getStatus({})).warnings.includes(problem));
    batch.mock.restore();
    await apply();
    assert.equal((await client.host.getStatus({})).warnings.includes(problem), false);
    assert.ok(daemon.lines.some(({ level, msg }) => level === 30 && msg === 'the state can be written again'));
    client.close();
    await running.stop();
  });

  test('keeps policies for the host and enforces none of them where that is to be its rescue', async (t) => {
    const daemon = new TestDaemon(t);
    const running = await daemon.start('--rescue');
    t.after(() => running.stop());
    const client = connect({ address: running.address });
    t.after(() => client.close());
    const { changes } = await client.policies.applyPolicy({ source: { $case: 'manifest', value: HOST_POLICY } });
    assert.deepEqual(changes[0]!.warnings, ['policies for the host are off: hauberkd was started with --rescue']);
    assert.deepEqual([...daemon.kernel.published.keys()], []);
    client.close();
    await running.stop();
  });

  test('looks every few seconds whether the kernel still has what it was given, and not after its end', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const daemon = new TestDaemon(t);
    const looks = t.mock.method(daemon.kernel, 'restore');
    const running = await daemon.start();
    t.after(() => running.stop());
    assert.equal(looks.mock.callCount(), 0);
    t.mock.timers.tick(3000);
    assert.equal(looks.mock.callCount(), 1);
    await running.stop();
    t.mock.timers.tick(30_000);
    assert.equal(looks.mock.callCount(), 1);
  });
});
