import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { watchDocker } from '../../../src/containers/docker.js';

const quiet = { info: () => undefined, warn: () => undefined };

/** A server that speaks the few calls of Docker's interface a watch makes; real Docker is met end to end. */
class DockerSpeaker {
  readonly socketPath = join(mkdtempSync(join(tmpdir(), 'hauberk-docker-')), 'docker.sock');
  readonly running = new Map<string, { pid: number; name: string; labels: Record<string, string> }>();
  events: ServerResponse | undefined;
  readonly #server = createServer((request, response) => {
    const path = request.url!.split('?')[0]!;
    if (path === '/events') {
      response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
      this.events = response;
    } else if (path === '/containers/json') {
      response.end(JSON.stringify([...this.running.keys()].map((Id) => ({ Id }))));
    } else {
      const container = this.running.get(path.split('/')[2]!);
      if (container === undefined) response.writeHead(404).end('{"message":"no such container"}');
      else {
        const { pid, name, labels } = container;
        response.end(
          JSON.stringify({ Name: `/${name}`, State: { Running: true, Pid: pid }, Config: { Labels: labels } }),
        );
      }
    }
  });

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(this.socketPath, resolve));
  }

  send(line: string): void {
    this.events!.write(`${line}\n`);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** What a watch has told, with a way to wait for the next of it. */
function recorder(socketPath: string) {
  const told: string[] = [];
  const watch = watchDocker({
    socketPath,
    logger: quiet,
    onContainer: async ({ id, name, namespace, labels }, pid) => {
      told.push(`start ${id} ${name} ${namespace} ${pid} ${labels['kubearmor.io/container.name']}`);
    },
    onGone: async (id) => void told.push(`gone ${id}`),
    onRunning: async (ids) => void told.push(`running ${[...ids].join()}`),
    onConnection: (connected) => void told.push(connected ? 'connected' : 'disconnected'),
  });
  const until = async (count: number) => {
    for (let tries = 0; told.length < count && tries < 400; tries++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    return told;
  };
  return { watch, told, until };
}

test('containers that run, start and end are told, a line that cannot be read is passed over', async () => {
  const docker = new DockerSpeaker();
  docker.running.set('a', { pid: 11, name: 'web', labels: { 'io.kubernetes.pod.namespace': 'shop' } });
  await docker.listen();
  const { watch, until } = recorder(docker.socketPath);
  assert.deepEqual(await until(3), ['connected', 'running a', 'start a web shop 11 web']);

  docker.running.set('b', { pid: 12, name: 'db', labels: {} });
  docker.send('{ no JSON');
  docker.send(JSON.stringify({ Action: 'start', Actor: { ID: 'gone-again' } }));
  docker.send(JSON.stringify({ Action: 'start', Actor: { ID: 'b' } }));
  docker.send(JSON.stringify({ Action: 'die', Actor: { ID: 'a' } }));
  assert.deepEqual((await until(5)).slice(3), ['start b db default 12 db', 'gone a']);
  watch.stop();
  docker.close();
});

test('after a lost connection everything is told again', async () => {
  const docker = new DockerSpeaker();
  await docker.listen();
  const { watch, until } = recorder(docker.socketPath);
  assert.deepEqual(await until(2), ['connected', 'running ']);
  docker.running.set('late', { pid: 13, name: 'late', labels: {} });
  docker.events!.destroy();
  assert.deepEqual((await until(6)).slice(2), [
    'disconnected',
    'connected',
    'running late',
    'start late late default 13 late',
  ]);
  watch.stop();
  docker.close();
});
