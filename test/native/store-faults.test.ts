import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Container } from '../../src/containers/container.js';
import { Store } from '../../src/store/store.js';
import { eventually } from '../support/eventually.js';
import { runWithFailingCalls } from '../support/failing-calls.js';

/** How many daemons are killed; HAUBERK_KILL_ROUNDS sets more than a usual test run has time for. */
const KILL_ROUNDS = Number(process.env.HAUBERK_KILL_ROUNDS ?? 24);
/** After this no further system call is tried. */
const FAILING_CALLS_SECONDS = 30;

function disk(t: TestContext, name: string): string {
  const directory = mkdtempSync(join(tmpdir(), `hauberk-${name}-`));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]);
  t.after(() => {
    execFileSync('umount', ['--lazy', directory]);
    rmSync(directory, { recursive: true });
  });
  return directory;
}

function remount(directory: string, how: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${how}`, directory]);
}

function fill(directory: string): void {
  mkdirSync(join(directory, 'filling'));
  assert.throws(
    () => {
      for (let number = 0; ; number++) writeFileSync(join(directory, 'filling', `${number}`), Buffer.alloc(4096));
    },
    { code: 'ENOSPC' },
  );
}

function empty(directory: string): void {
  rmSync(join(directory, 'filling'), { recursive: true });
}

const container = (id: string): Container => ({
  id,
  name: 'x'.repeat(20_000),
  namespace: 'default',
  labels: {},
  origin: 'docker',
  namespaces: { pidNamespace: 1, mountNamespace: 1 },
  links: {},
});

/** The containers that a daemon would find if it started now. */
async function idsFound(state: string, witness: string): Promise<string[]> {
  const store = await Store.open(state, witness);
  const { damage, containers } = await store.load();
  await store.close();
  assert.deepEqual(damage, []);
  return containers.map(({ id }) => id);
}

for (const [what, where, spoil, mend, code, reason] of [
  ['is full', 'state', fill, empty, 'resource-exhausted', 'no space left on device'],
  [
    'has become read-only',
    'witness',
    (disk: string) => remount(disk, 'ro'),
    (disk: string) => remount(disk, 'rw'),
    'unavailable',
    'read-only file system',
  ],
] as const) {
  test(`while the disk of the ${where} ${what} the failure is reported, and afterwards changes work again without a restart`, async (t) => {
    const disks = { state: disk(t, 'state'), witness: disk(t, 'witness') };
    const directories = { state: join(disks.state, 'state'), witness: join(disks.witness, 'witness') };
    const store = await Store.open(directories.state, directories.witness);
    await store.load();
    const reported: (string | undefined)[] = [];
    store.onStatus = () => reported.push(store.problem?.code);
    await store.commit({ putContainers: [container('before')] });
    spoil(disks[where]);
    const message = `cannot write to ${directories[where]}: ${reason}`;
    for (const id of ['refused', 'again'])
      await assert.rejects(store.commit({ putContainers: [container(id)], deleteContainers: ['before'] }), {
        code,
        message,
      });
    assert.equal(store.problem?.message, message);
    mend(disks[where]);
    // Even without a change.
    await eventually(() => store.problem === undefined);
    assert.deepEqual(reported, [code, undefined]);
    await store.commit({ putContainers: [container('after')] });
    await store.close();
    assert.deepEqual(await idsFound(directories.state, directories.witness), ['after', 'before']);
  });

  test(`what was refused while the disk of the ${where} ${what} is not stored after a kill either`, async (t) => {
    const disks = { state: disk(t, 'state'), witness: disk(t, 'witness') };
    const directories = { state: join(disks.state, 'state'), witness: join(disks.witness, 'witness') };
    const store = await Store.open(directories.state, directories.witness);
    await store.load();
    await store.commit({ putContainers: [container('before')] });
    spoil(disks[where]);
    await assert.rejects(store.commit({ putContainers: [container('refused')], deleteContainers: ['before'] }), {
      code,
    });
    // The files as a daemon that is killed now would leave them.
    const left = mkdtempSync(join(tmpdir(), 'hauberk-left-'));
    t.after(() => rmSync(left, { recursive: true }));
    for (const directory of Object.values(directories)) execFileSync('cp', ['-r', directory, left]);
    assert.deepEqual(await idsFound(join(left, 'state'), join(left, 'witness')), ['before']);
    mend(disks[where]);
    await store.close();
  });
}

for (const error of ['EIO', 'ENOSPC'] as const) {
  test(`whichever system call fails with ${error}, what was acknowledged is stored, and what was refused is not`, async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'hauberk-calls-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const parameters = [directory, `${constants.errno[error]}`, `${FAILING_CALLS_SECONDS}`];
    const { code, output } = await runWithFailingCalls('failing-store.js', ...parameters);
    assert.equal(code, 0, output);
    t.diagnostic(`${output.trim()} calls`);
    assert.ok(Number(output) >= 10, output);
  });
}

test('kill -9 at any time loses no acknowledged write, and leaves none half done', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-kill-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const state = join(directory, 'state');
  // Two records of each write belong together.
  const program = `
    import { Store } from ${JSON.stringify(new URL('../../src/store/store.js', import.meta.url).href)};
    const store = await Store.open(${JSON.stringify(state)});
    const { revision } = await store.load();
    for (let next = revision + 1; ; next++) {
      const large = { file: next % 3 === 0 ? 'block' : 'audit' };
      await store.commit({ revision: next, lastImage: next, putPostures: [{ namespace: 'n' + (next % 50), postures: large }] });
      console.log(next);
    }`;
  let acknowledged = 0;
  for (let round = 0; round < KILL_ROUNDS; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    const after = round % 7;
    child.stdout.on('data', (text) => {
      output += text;
      // Each time at another moment of a write.
      if (output.split('\n').length > 1 + after) setTimeout(() => child.kill('SIGKILL'), round % 5);
    });
    await once(child, 'close');
    acknowledged = Number(output.trim().split('\n').at(-1)) || acknowledged;
    const store = await Store.open(state);
    const { damage, revision, lastImage, postures } = await store.load();
    await store.close();
    assert.deepEqual(damage, []);
    assert.ok(revision >= acknowledged && revision <= acknowledged + 50, `${revision} after ${acknowledged}`);
    assert.equal(lastImage, revision);
    const last = postures.find(({ namespace }) => namespace === `n${revision % 50}`);
    assert.equal(last?.postures.file, revision % 3 === 0 ? 'block' : 'audit');
  }
});
