import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Container, Protection } from '../../../src/containers/container.js';
import { IntakeCounts } from '../../../src/control/intake-counts.js';
import type { ContainerSink, RuntimeConnection, SourceContainer } from '../../../src/sources/source.js';
import { StartsWithoutProtection } from '../../../src/sources/starts-without-protection.js';
import { UnaskedStarts } from '../../../src/sources/unasked-starts.js';
import { description, sleeper } from '../../support/memory-intake.js';
import { RecordingLogger, RecordingSink } from '../../support/recording-sink.js';

/** A runtime that lists what runs once it is connected, and ends the connection when told. */
class FakeRuntime implements RuntimeConnection {
  readonly name = 'nri';
  readonly origin = 'cri';
  readonly address = '/run/nri/nri.sock';
  running: SourceContainer[] = [];
  isThere = true;
  lose = (): void => undefined;

  async follow(sink: ContainerSink): Promise<void> {
    if (!this.isThere) throw new Error('there is no socket');
    sink.running(this.running);
    await new Promise<void>((_, reject) => {
      this.lose = () => reject(new Error('the runtime closed the connection'));
    });
  }
}

function stateDirectory(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-unasked-'));
  context.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** One life of the daemon, over what it finds in its state directory. */
function daemon(stateDir: string, runtime: FakeRuntime) {
  const counts = new IntakeCounts();
  const logger = new RecordingLogger();
  const containers = new Map<string, Container>();
  const records = new StartsWithoutProtection(stateDir, counts, logger);
  const registry = { get: (id: string) => containers.get(id) };
  const unasked = new UnaskedStarts({ stateDir, registry, records, counts, logger });
  const watched = unasked.watched(runtime);
  const sink = new RecordingSink();
  const stop = new AbortController();
  /** Resolves once the connection is lost. */
  const follow = () => watched.follow(sink, () => undefined, stop.signal).catch(() => undefined);
  const register = (id: string, by: Protection['by']) =>
    containers.set(id, {
      ...description(id),
      namespaces: { pidNamespace: 1, mountNamespace: 1 },
      links: {},
      protection: { by, since: 1 },
    });
  const reported = () => logger.warnings.flatMap(({ fields }) => fields.container ?? []);
  return { counts, logger, sink, records, follow, register, reported };
}

/** Longer than what the start of a process is known by. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 60));
const listed = (id: string, pid = sleeper().pid): SourceContainer => ({ description: description(id), pid });

test('what ran before the first connection is not reported', async (context) => {
  const runtime = new FakeRuntime();
  const { follow, sink, reported } = daemon(stateDirectory(context), runtime);
  runtime.running = [listed('a')];
  void follow();
  assert.deepEqual([sink.reported, reported()], [['running a'], []]);
});

test('a container that started while the runtime was not connected is reported and counted, once', async (context) => {
  const runtime = new FakeRuntime();
  const { follow, register, counts, logger, reported } = daemon(stateDirectory(context), runtime);
  runtime.running = [listed('before')];
  let ended = follow();
  await pause();
  runtime.running.push(listed('held'));
  await pause();
  runtime.lose();
  await ended;
  runtime.isThere = false;
  await follow();
  await pause();
  runtime.running.push(...['unknown', 'by-event', 'client', 'hooked'].map((id) => listed(id)));
  register('by-event', 'event');
  register('client', 'registered');
  register('hooked', 'hook');
  await pause();
  runtime.isThere = true;
  ended = follow();
  assert.deepEqual(reported(), ['unknown', 'by-event']);
  assert.equal(counts.startsWithoutProtection, 2);
  const fields = { container: 'unknown', name: 'name-of-unknown', namespace: 'default' };
  assert.deepEqual(logger.warnings[0], {
    level: 'warn',
    fields: { ...fields, source: 'nri', reason: 'nri was not connected' },
    message: 'a container has started without protection',
  });
  runtime.lose();
  await ended;
  void follow();
  assert.equal(counts.startsWithoutProtection, 2);
});

test('the next daemon reports what has started since the last connection of the one before', async (context) => {
  const runtime = new FakeRuntime();
  const directory = stateDirectory(context);
  const first = daemon(directory, runtime);
  runtime.running = [listed('before')];
  void first.follow();
  await pause();
  runtime.running.push(listed('during'));
  await pause();
  const second = daemon(directory, runtime);
  void second.follow();
  assert.deepEqual([first.reported(), second.reported()], [[], ['during']]);
});

test('what the hook has recorded, and what has run nothing yet, is not reported', async (context) => {
  const runtime = new FakeRuntime();
  const directory = stateDirectory(context);
  const { follow, counts, reported } = daemon(directory, runtime);
  const ended = follow();
  runtime.lose();
  await ended;
  await pause();
  const maker = spawn('sh', ['-c', 'exec 3<&0; (read line <&3) & echo $!; wait'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  context.after(() => maker.stdin.end());
  const [forked] = await once(maker.stdout, 'data');
  const gone = sleeper();
  await gone.end();
  runtime.running = [listed('recorded'), listed('created', Number(forked)), listed('gone', gone.pid)];
  appendFileSync(join(directory, 'starts-without-protection.jsonl'), '{"id":"recorded"}\n');
  await pause();
  void follow();
  assert.deepEqual([reported(), counts.startsWithoutProtection], [[], 1]);
});
