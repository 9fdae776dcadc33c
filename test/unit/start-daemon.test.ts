import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect } from '../../src/client/index.js';
import { namespaceKey } from '../../src/containers/container.js';
import { Failure } from '../../src/failure.js';
import { eventually } from '../support/eventually.js';
import { HOST, HOST_POLICY, TestDaemon } from '../support/test-daemon.js';

/** Neither the stored state nor the kernel was opened. */
function assertUntouched(daemon: TestDaemon): void {
  assert.deepEqual(daemon.kernel.ends, []);
  assert.equal(existsSync(daemon.stateDirectory), false);
  assert.equal(existsSync(daemon.socket), false);
}

describe('the daemon', () => {
  test('enforces and serves its policies, and closes everything in reverse order when it is stopped', async (t) => {
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
    // First the ring with its journal, then the rest; the enforcement stays.
    assert.deepEqual(daemon.kernel.ends, ['removal given up', 'closed', 'closed']);
    assert.equal(existsSync(daemon.socket), false);
    assert.deepEqual(daemon.warnings, []);
    await daemon.assertStoreIsClosed();
  });

  test('applied policies are in force again after a restart, and if the kernel refuses them everything is closed', async (t) => {
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

  test('detaches the programs at its end if so configured', async (t) => {
    const daemon = new TestDaemon(t);
    const running = await daemon.start('--detach-on-exit');
    await running.stop();
    assert.equal(daemon.kernel.ends.at(-1), 'detached');
  });

  test('stops only once, however often stop is called', async (t) => {
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
    test(`a start that fails at ${step} closes in reverse order what it has opened, and detaches nothing`, async (t) => {
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

  test('programs of an earlier build that cannot be removed are reported, and do not prevent the start', async (t) => {
    const daemon = new TestDaemon(t);
    daemon.kernel.fails = 'removeReplaced';
    const running = await daemon.start();
    await running.stop();
    assert.deepEqual(daemon.warnings, ['cannot remove the programs of an earlier build']);
    assert.equal(daemon.lines.find(({ level }) => level > 30)?.err?.message, 'removeReplaced fails');
  });

  for (const [title, inheritedSocket, flag, ...others] of [
    ['for --listen', undefined, '--listen', '--insecure-tcp'],
    ["for --listen beside systemd's socket", 3, '--listen', '--insecure-tcp'],
    ['for --kubearmor-listen', undefined, '--kubearmor-listen'],
  ] as const) {
    test(`a start with an address in use ${title} names it, and leaves the kernel as it is`, async (t) => {
      const daemon = new TestDaemon(t);
      daemon.inheritedSocket = inheritedSocket;
      const other = createServer().listen(0, '127.0.0.1');
      t.after(() => other.close());
      await eventually(() => other.address() !== null);
      const { port } = other.address() as { port: number };
      await assert.rejects(
        daemon.start(flag, `127.0.0.1:${port}`, ...others),
        (thrown) =>
          thrown instanceof Failure && thrown.code === 'failed-precondition' && thrown.message.includes(String(port)),
      );
      assertUntouched(daemon);
    });
  }

  test("a start whose certificates for KubeArmor's clients are missing leaves the kernel as it is", async (t) => {
    const daemon = new TestDaemon(t);
    const flags = ['--kubearmor-listen', '127.0.0.1:0', '--kubearmor-tls-directory', daemon.directory];
    await assert.rejects(
      daemon.start(...flags),
      (thrown) => thrown instanceof Failure && thrown.message.includes(join(daemon.directory, 'server.crt')),
    );
    assertUntouched(daemon);
  });

  test('a start whose address is taken meanwhile closes what was started before, and names the address', async (t) => {
    const daemon = new TestDaemon(t);
    daemon.meanwhile = () => writeFileSync(daemon.socket, '');
    await assert.rejects(
      daemon.start(),
      (thrown) =>
        thrown instanceof Failure && thrown.code === 'failed-precondition' && thrown.message.includes(daemon.socket),
    );
    assert.deepEqual(daemon.kernel.ends, ['removal given up', 'closed', 'closed']);
    await daemon.assertStoreIsClosed();
  });

  test("a start that cannot serve KubeArmor's clients also stops Hauberk's own API", async (t) => {
    const daemon = new TestDaemon(t);
    const socket = join(daemon.directory, 'kubearmor');
    daemon.meanwhile = () => writeFileSync(socket, '');
    await assert.rejects(daemon.start('--kubearmor-listen', `unix:${socket}`), Failure);
    assert.equal(existsSync(daemon.socket), false);
    assert.deepEqual(daemon.kernel.ends, ['removal given up', 'closed', 'closed']);
    await daemon.assertStoreIsClosed();
  });

  test('with a damaged store the daemon serves, and publishes nothing to the kernel', async (t) => {
    const daemon = new TestDaemon(t);
    await (await daemon.start()).stop();
    rmSync(join(daemon.stateDirectory, 'store'), { recursive: true, force: true });
    daemon.kernel.published.clear();
    const running = await daemon.start();
    assert.deepEqual([...daemon.kernel.published.keys()], []);
    assert.equal(daemon.lines.at(-1)?.msg, 'serving');
    await running.stop();
  });
});
