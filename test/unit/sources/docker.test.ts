import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dockerConnection } from '../../../src/sources/docker.js';
import { eventually } from '../../support/eventually.js';
import { FakeDocker } from '../../support/fake-docker.js';
import { RecordingSink } from '../../support/recording-sink.js';

/** Follows the fake Docker; resolves with the reason of its end. */
async function follow(docker: FakeDocker) {
  await docker.listen();
  const sink = new RecordingSink();
  const stopping = new AbortController();
  let connected = false;
  const ended = dockerConnection({ origin: 'docker', address: docker.socketPath })
    .follow(
      sink,
      () => {
        connected = true;
      },
      stopping.signal,
    )
    .then(
      () => 'stopped',
      (error: Error) => `${error.message}${error.cause ? `: ${(error.cause as Error).message}` : ''}`,
    );
  const stop = async () => {
    stopping.abort();
    docker.close();
    return ended;
  };
  return { sink, ended, stop, isConnected: () => connected };
}

test('running containers, starts, new names and ends are reported', async () => {
  const docker = new FakeDocker();
  docker.containers.set('a', { pid: 11, name: 'web' });
  docker.containers.set('old', { pid: 12, name: 'old', isStopped: true });
  const { sink, stop, isConnected } = await follow(docker);
  assert.deepEqual(await sink.lines(1), ['running a']);
  assert.equal(isConnected(), true);
  assert.deepEqual(sink.containers.get('a'), {
    description: {
      id: 'a',
      name: 'web',
      namespace: 'default',
      labels: { 'hauberk.io/container.name': 'web', 'kubearmor.io/container.name': 'web' },
      origin: 'docker',
    },
    pid: 11,
  });

  docker.containers.set('b', { pid: 13, name: 'db' });
  docker.send('start', 'gone-again');
  docker.send('start', 'b');
  assert.deepEqual((await sink.lines(2)).slice(1), ['started b db default 13']);
  docker.containers.set('b', { pid: 13, name: 'db-1' });
  docker.send('rename', 'b');
  docker.send('die', 'a');
  docker.send('destroy', 'a');
  assert.deepEqual((await sink.lines(5)).slice(2).sort(), ['ended a', 'ended a', 'started b db-1 default 13']);
  assert.equal(await stop(), 'stopped');
});

test('events during the list are reported after it', async () => {
  const docker = new FakeDocker();
  docker.containers.set('a', { pid: 11, name: 'web' });
  docker.containers.set('b', { pid: 12, name: 'db' });
  let unlock = (): void => undefined;
  docker.locked.set('a', new Promise((resolve) => (unlock = resolve)));
  const { sink, stop } = await follow(docker);
  await eventually(() => docker.calls.includes('/containers/a/json'));
  docker.containers.set('late', { pid: 13, name: 'late' });
  docker.send('start', 'late');
  docker.send('die', 'b');
  unlock();
  assert.deepEqual(await sink.lines(3), ['running a,b', 'ended b', 'started late late default 13']);
  await stop();
});

test('for a container that restarts while it is inspected the last process is reported', async () => {
  const docker = new FakeDocker();
  const { sink, stop } = await follow(docker);
  await sink.lines(1);
  docker.containers.set('a', { pid: 11, name: 'web' });
  let unlock = (): void => undefined;
  docker.locked.set('a', new Promise((resolve) => (unlock = resolve)));
  docker.send('start', 'a');
  await eventually(() => docker.calls.includes('/containers/a/json'));
  docker.send('die', 'a');
  docker.send('start', 'a');
  await sink.lines(2);
  docker.locked.delete('a');
  docker.containers.set('a', { pid: 12, name: 'web' });
  unlock();
  assert.deepEqual(await sink.lines(3), ['running ', 'ended a', 'started a web default 12']);
  await stop();
});

test('when a container cannot be inspected the others are reported, and the connection ends with the reason', async () => {
  const docker = new FakeDocker();
  docker.containers.set('a', { pid: 11, name: 'web' });
  docker.containers.set('b', { pid: 12, name: 'db' });
  docker.broken.add('a');
  const { sink, ended, isConnected, stop } = await follow(docker);
  assert.match(await ended, /^container a cannot be inspected: .*layer not found/u);
  assert.deepEqual(sink.reported, ['started b db default 12']);
  assert.equal(isConnected(), false);
  await stop();
});

test('an unreadable event, or the end of the events, ends the connection with the cause', async () => {
  for (const [end, cause] of [
    [(docker: FakeDocker) => docker.events!.write('{ no JSON\n'), 'an event cannot be read: { no JSON'],
    [(docker: FakeDocker) => docker.events!.end(), 'the runtime has closed its event stream'],
  ] as const) {
    const docker = new FakeDocker();
    const { sink, ended, stop } = await follow(docker);
    await sink.lines(1);
    end(docker);
    assert.equal(await ended, cause);
    await stop();
  }
});
