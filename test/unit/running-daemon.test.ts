import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect as connectTo } from 'node:net';
import { describe, test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { connect } from '../../src/client/index.js';
import { namespacesOf } from '../../src/containers/procfs.js';
import { FLAGS, RECORD } from '../../src/kernel/event-record.js';
import { describeMissing, explainMissing } from '../../src/kernel/missing-hooks.js';
import { recordBytes } from '../support/event-record.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/free-port.js';
import { HOST_POLICY, TestDaemon } from '../support/test-daemon.js';

describe('a running daemon', () => {
  test("serves its metrics at the configured address, with the kernel's and its own counts, until it is stopped", async (t) => {
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

  test("serves KubeArmor's clients at the configured address until it is stopped", async (t) => {
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

  test('logs a missing hook with the reason, and reports it as a warning of the host', async (t) => {
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

  test('reports at the start and in its status when no witness can be kept', async (t) => {
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

  test('logs that its state cannot be stored, reports it as a warning of the host, and logs the recovery', async (t) => {
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

  test('with --rescue keeps policies for the host and enforces none of them', async (t) => {
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

  test("checks every few seconds until its end that the kernel's state is unchanged", async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    const daemon = new TestDaemon(t);
    daemon.environment = { ...daemon.environment, WATCHDOG_USEC: '4000000' };
    const looks = t.mock.method(daemon.kernel, 'restore');
    const running = await daemon.start();
    t.after(() => running.stop());
    assert.equal(looks.mock.callCount(), 0);
    t.mock.timers.tick(3000);
    assert.equal(looks.mock.callCount(), 1);
    await running.stop();
    t.mock.timers.tick(30_000);
    assert.equal(looks.mock.callCount(), 1);
    assert.deepEqual(daemon.reported, ['READY=1', 'WATCHDOG=1', 'STOPPING=1']);
  });

  test('leaves no timer running, whatever was scheduled', async (t) => {
    const timers = () => process.getActiveResourcesInfo().filter((each) => each === 'Timeout').length;
    const before = timers();
    const daemon = new TestDaemon(t);
    const running = await daemon.start();
    t.after(() => running.stop());
    const client = connect({ address: running.address });
    t.after(() => client.close());
    // A policy that expires some day, and a change to retry in the kernel.
    const ending = HOST_POLICY.replace('spec: {', 'spec: {expires: "2099-12-31T23:59:59Z", ');
    await client.policies.applyPolicy({ source: { $case: 'manifest', value: ending } });
    daemon.kernel.failure = new Error('no memory');
    const other = HOST_POLICY.replace('{name: p}', '{name: q}').replace('secret', 'other');
    await assert.rejects(client.policies.applyPolicy({ source: { $case: 'manifest', value: other } }));
    assert.ok(timers() > before);
    client.close();
    await running.stop();
    await eventually(() => timers() === before, 'the end of all timers');
  });

  test('watches a container until it ends, and stores what a profile has just learnt when it stops', async (t) => {
    const watched = () =>
      readdirSync('/proc/self/fd').filter((descriptor) => {
        try {
          return readlinkSync(`/proc/self/fd/${descriptor}`).includes('pidfd');
        } catch {
          return false;
        }
      }).length;
    const before = watched();
    const daemon = new TestDaemon(t);
    const child = spawn('sleep', ['100'], { stdio: 'ignore' });
    t.after(() => child.kill());
    await once(child, 'spawn');
    const running = await daemon.start();
    t.after(() => running.stop());
    const client = connect({ address: running.address });
    t.after(() => client.close());
    const identity = { $case: 'pid', value: child.pid! } as const;
    await client.containers.registerContainer({ id: 'c1', labels: {}, identity });
    assert.equal(watched(), before + 1);
    await client.profiles.startProfile({ name: 'p', subject: { $case: 'containerId', value: 'c1' } });
    const { pidNamespace, mountNamespace } = namespacesOf(child.pid!);
    const record = recordBytes({ access: 7n, action: 0, flags: FLAGS.observed, object: '/learnt' });
    record.writeUInt32LE(pidNamespace, RECORD.pid_namespace);
    record.writeUInt32LE(mountNamespace, RECORD.mount_namespace);
    daemon.kernel.accesses.add({ container: { pidNamespace, mountNamespace }, access: 7n }, 1);
    daemon.kernel.ring.put(record);
    client.close();
    await running.stop();
    assert.equal(watched(), before);

    const again = await daemon.start();
    t.after(() => again.stop());
    const other = connect({ address: again.address });
    t.after(() => other.close());
    const { containers } = await other.profiles.getProfile({ name: 'p' });
    assert.ok(containers[0]!.accesses.some(({ object, count }) => object === '/learnt' && count === 1n));
    assert.equal(watched(), before + 1);
  });
});
