import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { namespaceKey } from '../../../src/containers/container.js';
import { namespacesOf, processIdentity } from '../../../src/containers/procfs.js';
import { ContainerRegistry } from '../../../src/control/container-registry.js';
import { DryRunPool } from '../../../src/control/dry-run-pool.js';
import { Enforcement } from '../../../src/control/enforcement.js';
import { HookCoverage } from '../../../src/control/hook-coverage.js';
import { NO_HOST_FILES } from '../../../src/control/host-files.js';
import { HostSubject } from '../../../src/control/host-subject.js';
import { Ledger } from '../../../src/control/ledger.js';
import { PolicyRegistry } from '../../../src/control/policy-registry.js';
import { problemOf } from '../../../src/control/store-status.js';
import { desiredBy, loadStored, StoredStart } from '../../../src/control/stored-start.js';
import { unprotectedCause } from '../../../src/sources/failure-cause.js';
import { Store } from '../../../src/store/store.js';
import { eventually } from '../../support/eventually.js';
import { MemoryKernel, POSTURES } from '../../support/in-memory-control-plane.js';

/** A kernel that outlives the daemons of a test. */
class PinnedKernel extends MemoryKernel {
  newestImage(): number {
    return Math.max(0, ...Array.from(this.published.values(), ({ imageId }) => imageId));
  }
}

const own = namespacesOf(process.pid);
/** A container that runs as long as the test, since it is in the test's own namespaces. */
const living: Container = {
  id: 'living',
  name: 'living',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'docker',
  namespaces: own,
  process: processIdentity(process.pid),
  links: {},
};
const ended: Container = { ...living, id: 'ended', namespaces: { pidNamespace: 7, mountNamespace: 8 } };
const manifest = (name: string, path: string) => `
apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}, namespace: default}
spec:
  selector: {matchLabels: {app: web}}
  file: {matchPaths: [{path: ${path}}]}
  action: Block
`;

/** The parts of a daemon that start from the stored state. */
async function startDaemon(kernel: PinnedKernel, directory: string, discardsDamage = false) {
  const lines: string[] = [];
  const tell = (_: object, message: string) => void lines.push(message);
  const logger = { info: tell, warn: tell, error: tell };
  const store = await Store.open(directory);
  const stored = await loadStored(store, kernel, discardsDamage, logger);
  const earlier = new Map(stored.imageRecords.map(({ imageId, rules }) => [imageId, rules]));
  const host = new HostSubject(undefined);
  const settings = { postures: POSTURES };
  const enforcement = new Enforcement(kernel, settings, earlier, stored.lastImage, host);
  let resumed = 0;
  const ledger: Ledger = new Ledger(
    enforcement,
    store,
    { desired: desiredBy(stored, kernel), revision: stored.revision },
    () => undefined,
    () => void start.changed(),
  );
  const resume = async () => void resumed++;
  const start: StoredStart = new StoredStart(stored, store, kernel, ledger, resume, logger);
  await start.start();
  const { rules } = enforcement;
  const dryRuns = new DryRunPool();
  const coverage = new HookCoverage([]);
  const policies = new PolicyRegistry(ledger, rules, host, enforcement, dryRuns, coverage, NO_HOST_FILES);
  return {
    store,
    ledger,
    policies,
    registry: new ContainerRegistry(ledger, enforcement, settings),
    lines,
    isResumed: () => resumed === 1,
    put: (container: Container) => ledger.changeContainers({ put: [container], ids: [container.id] }),
    apply: (name: string, path: string) => policies.apply(policies.readManifest(manifest(name, path))),
    stop: async () => {
      await ledger.stop();
      await store.close();
    },
  };
}

/** A kernel and a state directory with a policy in force for a running container and for one that has ended. */
async function enforced(t: TestContext) {
  const place = mkdtempSync(join(tmpdir(), 'hauberk-start-'));
  t.after(() => rmSync(place, { recursive: true }));
  const directory = join(place, 'state');
  const kernel = new PinnedKernel();
  const daemon = await startDaemon(kernel, directory);
  assert.ok(daemon.isResumed());
  await daemon.apply('one', '/etc/shadow');
  await daemon.put(living);
  await daemon.put(ended);
  await daemon.stop();
  return { directory, kernel, held: new Map(kernel.published) };
}

test('without the stored state the enforcement continues, and nothing can be changed until it is restored', async (t) => {
  const { directory, kernel, held } = await enforced(t);
  rmSync(directory, { recursive: true });
  const daemon = await startDaemon(kernel, directory);
  assert.deepEqual(kernel.published, held);
  assert.equal(daemon.isResumed(), false);
  const problem = problemOf(daemon.store);
  assert.equal(problem?.cause, 'damaged');
  assert.match(problem.reason, /writes that were acknowledged are missing.*hauberk restore FILE.*--discard-damaged/);
  assert.ok(daemon.lines.includes(problem.reason));
  const isRefused = { code: 'unavailable', message: problem.reason };
  await assert.rejects(daemon.apply('two', '/etc/group'), isRefused);
  // The kernel still enforces the unknown policy, so it is reported neither as missing nor as unchanged.
  const one = { scope: 'namespace', namespace: 'default', name: 'one' } as const;
  await assert.rejects(daemon.policies.delete(one, 0), isRefused);
  await assert.rejects(daemon.policies.sync([], 0), isRefused);
  await assert.rejects(daemon.registry.remove('living'), isRefused);
  await assert.rejects(async () => {
    throw daemon.ledger.notFound('policy default/one');
  }, isRefused);
  const newcomer = { ...living, id: 'new', namespaces: { pidNamespace: 70, mountNamespace: 80 } };
  const refusal = await daemon.put(newcomer).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.equal(unprotectedCause(refusal), 'store');
  assert.deepEqual(kernel.published, held);

  const inputs = daemon.policies.readManifest(manifest('one', '/etc/shadow'));
  await daemon.policies.restore(inputs, new Map([['kept', { file: 'block' }]]), false);
  await eventually(() => daemon.isResumed());
  assert.equal(problemOf(daemon.store), undefined);
  // The running container is not reported yet and stays protected; the entry of the ended one is removed.
  assert.deepEqual([...kernel.published], [[namespaceKey(own), held.get(namespaceKey(own))]]);
  await daemon.stop();

  const next = await startDaemon(kernel, directory);
  assert.deepEqual([...kernel.published.keys()], [namespaceKey(own)]);
  assert.deepEqual([...next.policies.postures()], [['kept', { file: 'block' }]]);
  await next.put(living);
  assert.equal(kernel.published.get(namespaceKey(own))!.imageId > held.get(namespaceKey(own))!.imageId, true);
  await next.stop();
  assert.equal((await startDaemon(kernel, directory)).policies.list().length, 1);
});

test('the restored policies take effect at once for a container whose record can be read', async (t) => {
  const { directory, kernel, held } = await enforced(t);
  rmSync(`${directory}-witness`, { recursive: true });
  const newer = new PinnedKernel();
  for (const [key, image] of held) newer.published.set(key, { ...image, imageId: image.imageId + 10 });
  const daemon = await startDaemon(newer, directory);
  assert.deepEqual([...daemon.ledger.desired.containers.keys()], ['living']);
  const before = newer.published.get(namespaceKey(own))!;
  await daemon.policies.restore(daemon.policies.readManifest(manifest('two', '/etc/group')), new Map(), false);
  const after = newer.published.get(namespaceKey(own))!;
  assert.ok(after.imageId > before.imageId);
  assert.equal(kernel.published.size, 2);
  await daemon.stop();
});

test('discarding damage keeps readable records, and the protection of unknown containers', async (t) => {
  const { directory, kernel, held } = await enforced(t);
  rmSync(join(directory, 'store', 'CURRENT'));
  const daemon = await startDaemon(kernel, directory, true);
  assert.ok(daemon.isResumed());
  assert.equal(problemOf(daemon.store), undefined);
  assert.deepEqual([...kernel.published], [[namespaceKey(own), held.get(namespaceKey(own))]]);
  await daemon.apply('two', '/etc/group');
  await daemon.stop();
});

test('restoring an undamaged state replaces policies and postures', async (t) => {
  const { directory, kernel } = await enforced(t);
  const daemon = await startDaemon(kernel, directory);
  await daemon.policies.setPosture('gone', { file: 'block' });
  const inputs = daemon.policies.readManifest(manifest('two', '/etc/group'));
  const { result } = await daemon.policies.restore(inputs, new Map([['kept', { file: 'audit' }]]), false);
  assert.deepEqual(
    result.map(({ policy: { name }, kind }) => [name, kind]),
    [
      ['two', 'created'],
      ['one', 'deleted'],
    ],
  );
  await daemon.stop();
  assert.ok(existsSync(directory));
  const next = await startDaemon(kernel, directory);
  assert.deepEqual(
    next.policies.list().map(({ name }) => name),
    ['two'],
  );
  assert.deepEqual([...next.policies.postures()], [['kept', { file: 'audit' }]]);
  await next.stop();
});

test('a container that ended while no daemon ran is forgotten on disk by the next one', async (t) => {
  const { directory, kernel } = await enforced(t);
  await (await startDaemon(kernel, directory)).stop();
  const store = await Store.open(directory);
  const { containers } = await store.load(0);
  await store.close();
  assert.deepEqual(
    containers.map(({ id }) => id),
    ['living'],
  );
});

test('a remark on a stored state without loss is logged', async (t) => {
  const { directory, kernel } = await enforced(t);
  rmSync(`${directory}-witness`, { recursive: true });
  const daemon = await startDaemon(kernel, directory);
  assert.ok(daemon.isResumed());
  assert.deepEqual(daemon.lines, ['the stored state: its witness was gone and is written again']);
  await daemon.stop();
  const next = await startDaemon(kernel, directory);
  assert.deepEqual(next.lines, []);
  await next.stop();
  rmSync(directory, { recursive: true });
  rmSync(`${directory}-witness`, { recursive: true });
  writeFileSync(`${directory}-witness`, '');
  const alone = await startDaemon(new PinnedKernel(), directory);
  assert.match(
    alone.lines.join(),
    /^no witness of the stored state is kept: [^,]*; the loss of the whole state would/u,
  );
  await alone.stop();
});

test('a restored state is logged once the kernel has it, with the containers that are not reported yet', async (t) => {
  const { directory, kernel } = await enforced(t);
  rmSync(directory, { recursive: true });
  const daemon = await startDaemon(kernel, directory);
  const before = daemon.lines.length;
  kernel.failure = new Error('no memory');
  const inputs = daemon.policies.readManifest(manifest('one', '/etc/shadow'));
  await assert.rejects(daemon.policies.restore(inputs, new Map(), false), /no memory/);
  assert.deepEqual([daemon.isResumed(), daemon.lines.length], [false, before]);
  kernel.failure = undefined;
  await eventually(() => daemon.isResumed());
  assert.deepEqual(daemon.lines.slice(before), ['the stored state is restored']);
  await daemon.stop();
});
