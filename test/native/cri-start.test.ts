import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { ContainerDescription } from '../../src/containers/container.js';
import { criConnection } from '../../src/sources/cri.js';
import { CriStarts } from '../../src/sources/cri-hook.js';
import { BUSYBOX_IMAGE, Containerd, containerdMissing, defaultSpecification } from '../support/containerd.js';
import { ReportedContainers } from '../support/reported-containers.js';

interface HookState {
  readonly id: string;
  readonly pid: number;
  readonly annotations: Record<string, string>;
}

/** Hands its state to the test, and lets the runtime continue once the test has answered. */
const HOOK = `import { connect } from 'node:net';
const socket = connect({ path: process.argv[2], allowHalfOpen: true });
process.stdin.pipe(socket);
socket.resume();
`;

for (const version of ['1.6', '1.7', '2'] as const) {
  describe(`containerd ${version} with a createRuntime hook`, { skip: containerdMissing(version) ?? false }, () => {
    let directory: string;
    let containerd: Containerd;
    let server: Server;
    let starts: CriStarts;
    let onStart: (state: HookState) => Promise<void>;

    before(async () => {
      directory = mkdtempSync(join(tmpdir(), 'cri-start-'));
      const [script, socket, specification] = ['hook.mjs', 'hook.sock', 'base.json'].map((name) =>
        join(directory, name),
      );
      writeFileSync(script!, HOOK);
      const hook = { path: process.execPath, args: ['node', script, socket] };
      writeFileSync(
        specification!,
        JSON.stringify({ ...defaultSpecification(version), hooks: { createRuntime: [hook] } }),
      );
      server = createServer({ allowHalfOpen: true }, (connection) => {
        let state = '';
        connection.setEncoding('utf8').on('data', (part) => {
          state += part;
        });
        connection.on('end', () => onStart(JSON.parse(state)).finally(() => connection.end()));
      });
      await new Promise<void>((resolve) => server.listen(socket, resolve));
      containerd = await Containerd.start({ version, runcOptions: `base_runtime_spec = "${specification}"` });
      starts = new CriStarts(containerd.address);
    });
    after(async () => {
      starts?.close();
      await containerd?.stop();
      server?.close();
      if (directory !== undefined) rmSync(directory, { recursive: true });
    });

    test('a container that waits in the hook is described as in the list later', async (t) => {
      let described: ContainerDescription | undefined;
      let milliseconds = 0;
      onStart = async ({ id, annotations }) => {
        const begun = performance.now();
        described = await starts.describe(id, annotations, 'containerd');
        milliseconds = performance.now() - begun;
      };
      const pod = await containerd.runtime.runPod({ name: 'web-1', namespace: 'shop', labels: { app: 'web' } });
      const options = { name: 'main', image: BUSYBOX_IMAGE, command: ['/bin/sleep', '100000'] };
      const id = await containerd.runtime.runContainer(pod, options);
      assert.ok(milliseconds < 1_000, `took ${milliseconds} ms`);

      const reported = new ReportedContainers();
      const abort = new AbortController();
      t.after(() => abort.abort());
      await criConnection({ name: 'containerd', address: containerd.address }).follow(
        reported,
        () => setImmediate(() => abort.abort()),
        abort.signal,
      );
      assert.deepEqual(described, reported.now.get(id)!.description);
      assert.equal(described!.labels.app, 'web');
    });

    test('a container that waits in the hook does not delay listing and following others', async (t) => {
      const reported = new ReportedContainers();
      const abort = new AbortController();
      t.after(() => abort.abort());
      let waiting = 0;
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      t.after(() => release());
      onStart = async () => {
        waiting++;
        await released;
      };
      const pod = await containerd.runtime.runPod({ name: 'web-2' });
      const starting = containerd.runtime.runContainer(pod, {
        image: BUSYBOX_IMAGE,
        command: ['/bin/sleep', '100000'],
      });
      await reported.until('it waits in the hook', () => waiting === 1);
      const following = criConnection({ name: 'containerd', address: containerd.address }).follow(
        reported,
        () => {},
        abort.signal,
      );
      await reported.until('a first list is reported', () => reported.log.length > 0, 5_000);
      const before = reported.now.size;
      release();
      const id = await starting;
      await reported.until('its start is reported', () => reported.now.has(id), 5_000);
      assert.equal(reported.now.size, before + 1);
      abort.abort();
      await following;
    });
  });
}
