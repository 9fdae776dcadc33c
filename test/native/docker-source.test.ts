import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { dockerConnection } from '../../src/sources/docker.js';
import { FollowedSource } from '../../src/sources/followed-source.js';
import { eventually } from '../support/eventually.js';
import { NativeDocker, NativePodman, runtimeMissing } from '../support/native-runtimes.js';
import { RecordingLogger, RecordingSink } from '../support/recording-sink.js';

/** Follows a runtime as the daemon does. */
function follow(origin: 'docker' | 'podman', address: string) {
  const sink = new RecordingSink();
  const logger = new RecordingLogger();
  const source = new FollowedSource(dockerConnection({ origin, address }), { logger, onStatus: () => undefined });
  source.start(sink);
  return { sink, source, logger };
}

for (const [origin, runtime, program] of [
  ['docker', NativeDocker, '/usr/sbin/dockerd'],
  ['podman', NativePodman, '/usr/bin/podman'],
] as const) {
  test(`containers of real ${origin} are reported with its data, and followed`, {
    skip: skip(program),
  }, async () => {
    const made: NativeDocker | NativePodman = await runtime.launch();
    after(() => made.stop());
    const first = made.start('first');
    const { sink, source } = follow(origin, made.socketPath);
    try {
      assert.deepEqual(await sink.lines(1), [`running ${first}`]);
      const { description, pid } = sink.containers.get(first)!;
      assert.deepEqual(description, {
        id: first,
        name: 'first',
        namespace: 'default',
        labels: { app: 'shop', 'hauberk.io/container.name': 'first', 'kubearmor.io/container.name': 'first' },
        origin,
        image: 'localhost/hauberk-busybox:1',
      });
      // The event comes while the process is still the runtime.
      await eventually(() => /sleep/u.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')));

      const second = made.start('second', '--label', 'tier=back');
      await eventually(() => sink.containers.get(second)?.description.labels.tier === 'back');
      made.run('rename', 'second', 'renamed');
      await eventually(() => sink.containers.get(second)?.description.name === 'renamed');
      made.run('kill', 'renamed');
      await eventually(() => sink.reported.includes(`ended ${second}`));
      assert.deepEqual(source.status(), {
        name: origin,
        address: made.socketPath,
        connected: true,
        reason: '',
        containers: 1,
      });
    } finally {
      source.stop();
    }
  });
}

test('a restarted Docker is followed again, with the containers that kept running', {
  skip: skip('/usr/sbin/dockerd'),
}, async () => {
  const docker = await NativeDocker.launch();
  after(() => docker.stop());
  const id = docker.start('web');
  const { sink, source, logger } = follow('docker', docker.socketPath);
  try {
    await sink.lines(1);
    await docker.stopServer();
    await eventually(() => !source.status().connected);
    assert.match(source.status().reason, /closed|ECONN|hang up|aborted/u);
    assert.equal(logger.warnings.length, 1);
    await docker.launchServer();
    await eventually(() => sink.reported.length > 1);
    assert.deepEqual(sink.reported, [`running ${id}`, `running ${id}`]);
  } finally {
    source.stop();
  }
});

function skip(program: string): string | false {
  return runtimeMissing(program, '/usr/bin/curl') ?? false;
}
