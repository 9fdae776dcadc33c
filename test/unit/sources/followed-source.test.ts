import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CriNotServed } from '../../../src/sources/cri-client.js';
import { FollowedSource } from '../../../src/sources/followed-source.js';
import type { ContainerSink, RuntimeConnection } from '../../../src/sources/source.js';
import { eventually } from '../../support/eventually.js';
import { RecordingLogger, RecordingSink } from '../../support/recording-sink.js';

/** A scripted connection: each attempt calls the next function. */
class Script implements RuntimeConnection {
  readonly name = 'docker';
  readonly origin = 'docker' as const;
  readonly address = '/run/docker.sock';
  attempts = 0;
  lose: (cause: Error) => void = () => undefined;
  /** Fails attempts instead of connecting them. */
  failure: Error | undefined;
  running: string[] = [];

  follow(sink: ContainerSink, onConnected: () => void, signal: AbortSignal): Promise<void> {
    this.attempts++;
    if (this.failure !== undefined) return Promise.reject(this.failure);
    onConnected();
    const description = (id: string) => ({ id, name: id, namespace: 'default', labels: {}, origin: this.origin });
    sink.running(this.running.map((id) => ({ description: description(id), pid: 1 })));
    return new Promise((resolve, reject) => {
      this.lose = reject;
      signal.addEventListener('abort', () => resolve());
    });
  }
}

function source(script: Script) {
  const logger = new RecordingLogger();
  const sink = new RecordingSink();
  let announced = 0;
  const followed = new FollowedSource(script, {
    logger,
    onStatus: () => announced++,
    backoff: { first: 5, most: 20 },
  });
  return { followed, logger, sink, announcements: () => announced };
}

test('a lost connection is reported with its cause, and the next one reports everything again', async () => {
  const script = new Script();
  script.running = ['a', 'b'];
  const { followed, logger, sink, announcements } = source(script);
  followed.start(sink);
  assert.deepEqual(followed.status(), {
    name: 'docker',
    address: '/run/docker.sock',
    connected: true,
    reason: '',
    containers: 2,
  });
  script.running = ['a'];
  script.lose(new Error('read ECONNRESET', { cause: new Error('the daemon was killed') }));
  await eventually(() => sink.reported.length === 2);
  assert.deepEqual(sink.reported, ['running a,b', 'running a']);
  assert.equal(followed.status().containers, 1);
  assert.deepEqual(logger.warnings, [
    {
      level: 'warn',
      fields: {
        source: 'docker',
        address: '/run/docker.sock',
        reason: 'read ECONNRESET: the daemon was killed',
      },
      message: 'the connection to a container runtime is lost: trying again',
    },
  ]);
  assert.equal(announcements(), 3);
  followed.stop();
});

test('a missing runtime causes no warning, and one that cannot be followed causes one for each cause', async () => {
  const script = new Script();
  const { followed, logger, sink } = source(script);
  script.failure = new Error('connect ENOENT /run/docker.sock');
  followed.start(sink);
  await eventually(() => script.attempts > 3);
  assert.deepEqual([logger.warnings, followed.isAbsent, followed.wasConnected], [[], true, false]);
  assert.equal(followed.status().reason, 'connect ENOENT /run/docker.sock');
  script.failure = new CriNotServed('/run/containerd.sock');
  await eventually(() => followed.isNotServed);
  assert.deepEqual(logger.warnings, []);

  script.failure = new Error('connect EACCES /run/docker.sock');
  await eventually(() => logger.warnings.length === 1);
  const { attempts } = script;
  await eventually(() => script.attempts > attempts + 3);
  assert.equal(logger.warnings.length, 1);
  assert.equal(followed.isAbsent, false);

  script.failure = undefined;
  await eventually(() => followed.status().connected);
  assert.equal(followed.status().reason, '');
  followed.stop();
});

test('attempts become less frequent, up to a limit', async () => {
  const script = new Script();
  script.failure = new Error('connect ENOENT');
  const { followed, sink } = source(script);
  const began = performance.now();
  followed.start(sink);
  await eventually(() => script.attempts === 6);
  // 5, 10, 20, 20 and 20 ms.
  const took = performance.now() - began;
  assert.ok(took >= 70 && took < 1000, `${took}`);
  followed.stop();
});

test('nothing is attempted or reported after stop', async () => {
  const script = new Script();
  const { followed, sink, logger } = source(script);
  followed.start(sink);
  followed.stop();
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.equal(script.attempts, 1);
  assert.deepEqual(logger.warnings, []);
});
