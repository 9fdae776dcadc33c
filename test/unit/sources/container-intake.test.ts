import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { after, test } from 'node:test';
import type { Container, ContainerDescription, ContainerOrigin } from '../../../src/containers/container.js';
import { processIdentity } from '../../../src/containers/procfs.js';
import type { ContainerProcess, RegisterOptions } from '../../../src/control/container-keeper.js';
import { IntakeCounts } from '../../../src/control/intake-counts.js';
import { UnprotectedContainers } from '../../../src/control/protection.js';
import { invalidInput } from '../../../src/failure.js';
import { ContainerIntake } from '../../../src/sources/container-intake.js';
import { eventually } from '../../support/eventually.js';
import { RecordingLogger } from '../../support/recording-sink.js';

const HOOK = { key: 'hook', name: 'hook', origin: 'docker' } as const;
const children: ChildProcess[] = [];
after(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** A process that runs until it is ended. */
function sleeper(): { readonly pid: number; end(): Promise<void> } {
  const child = spawn('sleep', ['1000']);
  children.push(child);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    pid: child.pid!,
    end() {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

function description(id: string, change: Partial<ContainerDescription> = {}): ContainerDescription {
  return { id, name: `name-of-${id}`, namespace: 'default', labels: {}, origin: 'docker', ...change };
}

/** Keeps what is registered, and fails where a test says so. */
class MemoryKeeper {
  readonly containers = new Map<string, Container>();
  readonly calls: string[] = [];
  failure: Error | undefined;
  /** Registrations wait for it. */
  gate: Promise<void> = Promise.resolve();
  underWay = 0;
  mostUnderWay = 0;

  async register(
    known: ContainerDescription,
    { pid, firstProcess, root }: ContainerProcess,
    { by, onVisible }: RegisterOptions,
  ): Promise<void> {
    this.calls.push(`register ${known.id} ${known.name} by ${by}${firstProcess ? ` first ${root ?? ''}` : ''}`);
    this.underWay++;
    this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
    await this.gate;
    this.underWay--;
    if (this.failure !== undefined) throw this.failure;
    this.containers.set(known.id, {
      ...known,
      namespaces: { pidNamespace: pid, mountNamespace: pid },
      links: {},
      process: processIdentity(pid),
      protection: { by, since: 1 },
    });
    onVisible?.();
  }

  async unregister(id: string): Promise<void> {
    this.calls.push(`unregister ${id}`);
    this.containers.delete(id);
  }

  get(id: string): Container | undefined {
    return this.containers.get(id);
  }

  list(): Container[] {
    return [...this.containers.values()];
  }
}

function intake() {
  const keeper = new MemoryKeeper();
  const logger = new RecordingLogger();
  const counts = new IntakeCounts();
  const unprotected = new UnprotectedContainers(() => undefined);
  const retry = { first: 5, most: 20 };
  const made = new ContainerIntake({ keeper, registry: keeper, unprotected, counts, logger, retry });
  const sink = (name: string, origin: ContainerOrigin = 'docker') => made.sinkOf({ key: name, name, origin });
  return { keeper, logger, counts, unprotected, intake: made, sink };
}

test('a container that the store does not take is tried again until it holds, told once and counted', async () => {
  const { keeper, logger, counts, unprotected, sink, intake: stopped } = intake();
  const { pid } = sleeper();
  keeper.failure = new Error('cannot write', { cause: new Error('No space left on device') });
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => keeper.calls.length >= 4);
  assert.deepEqual(logger.warnings, [
    {
      level: 'warn',
      fields: {
        container: 'a',
        name: 'name-of-a',
        sources: ['docker'],
        cause: 'store',
        reason: 'cannot write: No space left on device',
      },
      message: 'a container runs without its policies: trying again',
    },
  ]);
  const [told] = unprotected.list();
  assert.deepEqual(
    [told?.description, told?.cause, told?.reason],
    [description('a'), 'store', 'cannot write: No space left on device'],
  );
  assert.ok(counts.failures.store >= 3 && counts.retries >= 2);

  keeper.failure = new Error('database is closed');
  await eventually(() => logger.warnings.length === 2);
  assert.equal(unprotected.get('a')?.reason, 'database is closed');
  keeper.failure = undefined;
  await eventually(() => keeper.containers.has('a'));
  await eventually(() => unprotected.list().length === 0);
  const calls = keeper.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(keeper.calls.length, calls);
  assert.equal(logger.lines.at(-1)?.message, 'the container is protected now');
  stopped.stop();
});

test('attempts end with the container', async () => {
  const { keeper, unprotected, sink } = intake();
  const container = sleeper();
  keeper.failure = new Error('full');
  sink('docker').started({ description: description('a'), pid: container.pid });
  await eventually(() => unprotected.get('a') !== undefined);
  await container.end();
  sink('docker').ended('a');
  assert.deepEqual(unprotected.list(), []);
  const calls = keeper.calls.length;
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(keeper.calls.length, calls);
});

test("attempts for a container that only the hook has told of end with the container's process", async () => {
  const { keeper, unprotected, intake: held } = intake();
  const container = sleeper();
  keeper.failure = new Error('full');
  const start = { container: { description: description('a'), pid: container.pid }, startsAnyway: true };
  await assert.rejects(held.takeInStarting(HOOK, { ...start, onVisible: () => undefined }));
  assert.equal(unprotected.list().length, 1);
  await container.end();
  await eventually(() => unprotected.list().length === 0);
});

test('a container whose processes cannot be seen is told as long as its runtime says that it runs', async () => {
  const { keeper, unprotected, logger, sink } = intake();
  const container = sleeper();
  await container.end();
  keeper.failure = invalidInput([{ field: 'pid', description: `no process ${container.pid}` }]);
  sink('docker').started({ description: description('a'), pid: container.pid });
  await eventually(() => unprotected.get('a')?.cause === 'lookup');
  assert.equal(logger.warnings.length, 1);
  sink('docker').running([]);
  assert.deepEqual(unprotected.list(), []);
});

test('a container that has ended before it could be looked at is nothing to warn of', async () => {
  const { keeper, unprotected, logger, sink } = intake();
  const container = sleeper();
  await container.end();
  keeper.failure = invalidInput([{ field: 'pid', description: 'no process' }]);
  sink('docker').started({ description: description('a'), pid: container.pid });
  await eventually(() => keeper.calls.length === 1 && keeper.underWay === 0);
  sink('docker').ended('a');
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal(keeper.calls.length, 1);
  assert.deepEqual([logger.warnings, unprotected.list()], [[], []]);
});

test('a hundred registrations are under way at most, and the others follow', async () => {
  const { keeper, sink } = intake();
  const { pid } = sleeper();
  let open = (): void => undefined;
  keeper.gate = new Promise((resolve) => (open = resolve));
  const containers = Array.from({ length: 250 }, (_, number) => ({ description: description(`c${number}`), pid }));
  sink('docker').running(containers);
  await eventually(() => keeper.underWay === 100);
  open();
  await eventually(() => keeper.containers.size === 250);
  assert.equal(keeper.mostUnderWay, 100);
});

test('one container told by two sources is one, by the better facts, whoever is first', async () => {
  for (const order of [
    ['docker', 'cri'],
    ['cri', 'docker'],
  ] as const) {
    const { keeper, sink } = intake();
    const { pid } = sleeper();
    for (const origin of order) {
      sink(origin, origin).started({ description: description('a', { origin, namespace: `of-${origin}` }), pid });
      await eventually(() => keeper.containers.has('a') && keeper.underWay === 0);
    }
    await eventually(() => keeper.containers.get('a')?.namespace === 'of-cri');
    assert.equal(keeper.calls.length, order[0] === 'cri' ? 1 : 2);
  }
});

test('a container that is told again is registered again only when something about it has changed', async () => {
  const { keeper, sink } = intake();
  const { pid } = sleeper();
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => keeper.containers.has('a'));
  sink('docker').running([{ description: description('a'), pid }]);
  sink('docker').started({ description: description('a', { name: 'renamed' }), pid });
  await eventually(() => keeper.containers.get('a')?.name === 'renamed');
  assert.deepEqual(keeper.calls, ['register a name-of-a by event', 'register a renamed by event']);
});

test('what is told while a registration is under way follows it', async () => {
  const { keeper, sink } = intake();
  const { pid } = sleeper();
  let open = (): void => undefined;
  keeper.gate = new Promise((resolve) => (open = resolve));
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => keeper.underWay === 1);
  sink('docker').started({ description: description('a', { name: 'renamed' }), pid });
  open();
  await eventually(() => keeper.containers.get('a')?.name === 'renamed');
});

test('reconciliation lets go of ended containers of the own origin, and of nothing that runs', async () => {
  const { keeper, sink } = intake();
  const { pid } = sleeper();
  const ended = sleeper();
  const means = { by: 'event' } as const;
  await keeper.register(description('ended'), { pid: ended.pid }, means);
  await keeper.register(description('pod', { origin: 'cri' }), { pid: ended.pid }, means);
  await keeper.register(description('own', { origin: 'registered' }), { pid: ended.pid }, means);
  await keeper.register(description('starting'), { pid }, { by: 'hook' });
  await ended.end();
  sink('docker').running([]);
  await eventually(() => !keeper.containers.has('ended'));
  assert.deepEqual([...keeper.containers.keys()], ['pod', 'own', 'starting']);
});

test('what a controller says of a container of its own stays, and the runtime takes over when it lets go', async () => {
  const { keeper, sink, intake: checked } = intake();
  const { pid } = sleeper();
  await keeper.register(description('a', { origin: 'registered', name: 'own' }), { pid }, { by: 'registered' });
  sink('docker').started({ description: description('a'), pid });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(keeper.containers.get('a')?.name, 'own');
  await keeper.unregister('a');
  checked.check();
  await eventually(() => keeper.containers.get('a')?.name === 'name-of-a');
});

test('a container that is known under another id is protected, and looked after', async () => {
  const { keeper, sink, unprotected, logger, counts } = intake();
  const { pid } = sleeper();
  keeper.failure = invalidInput([{ field: 'namespaces', description: 'containers x and a cannot both have these' }]);
  sink('docker').started({ description: description('a'), pid });
  await eventually(() => counts.retries > 0);
  assert.deepEqual([unprotected.list(), logger.warnings], [[], []]);
  keeper.failure = undefined;
  await eventually(() => keeper.containers.has('a'));
});

test('a start that is held is answered once its container is visible; later news are told by event', async () => {
  const { keeper, sink, intake: held } = intake();
  const { pid } = sleeper();
  const seen: string[] = [];
  const start = { container: { description: description('a'), pid }, root: '/b/rootfs', startsAnyway: false };
  await held.takeInStarting(HOOK, { ...start, onVisible: () => seen.push('visible') });
  assert.deepEqual(seen, ['visible']);
  sink('docker').started({ description: description('a'), pid });
  sink('docker').started({ description: description('a', { labels: { app: 'web' } }), pid });
  await eventually(() => keeper.containers.get('a')?.labels.app === 'web');
  assert.deepEqual(keeper.calls, ['register a name-of-a by hook first /b/rootfs', 'register a name-of-a by event']);
});

test('a start that fails is tried again where the container starts all the same, and forgotten where it is refused', async () => {
  const { keeper, unprotected, counts, intake: held } = intake();
  const { pid } = sleeper();
  const start = (id: string, startsAnyway: boolean) =>
    held.takeInStarting(HOOK, {
      container: { description: description(id), pid },
      startsAnyway,
      onVisible: () => assert.fail('not visible'),
    });
  keeper.failure = new Error('full');
  await assert.rejects(start('refused', false), /full/u);
  assert.deepEqual([unprotected.list(), counts.failures.store], [[], 1]);
  await assert.rejects(start('allowed', true), /full/u);
  assert.equal(unprotected.list().length, 1);
  keeper.failure = undefined;
  await eventually(() => keeper.containers.has('allowed'));
  assert.equal(keeper.containers.has('refused'), false);
});

test('the end of an earlier run of a container leaves the one that has been started since', async () => {
  const { keeper, sink, intake: held } = intake();
  const before = sleeper();
  sink('docker').started({ description: description('a'), pid: before.pid });
  await eventually(() => keeper.containers.has('a'));
  await before.end();
  const { pid } = sleeper();
  const container = { description: description('a'), pid };
  await held.takeInStarting(HOOK, { container, startsAnyway: false, onVisible: () => undefined });
  sink('docker').ended('a');
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(keeper.containers.get('a')?.process?.pid, pid);
});
