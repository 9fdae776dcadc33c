import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { IntakeCounts } from '../../../src/control/intake-counts.js';
import type { HookAnswer, HookRequest } from '../../../src/sources/hook-request.js';
import { HookServer } from '../../../src/sources/hook-server.js';
import { eventually } from '../../support/eventually.js';
import { hookRequest, requestAsHook } from '../../support/hook-client.js';
import { RecordingLogger } from '../../support/recording-sink.js';

async function serve(
  answer: (request: HookRequest) => Promise<HookAnswer>,
  path = socketPath(),
  readMilliseconds = 10_000,
  connectionsMax?: number,
) {
  const logger = new RecordingLogger();
  const counts = new IntakeCounts();
  const onStatus = () => undefined;
  const limits = { readMilliseconds, ...(connectionsMax !== undefined && { connectionsMax }) };
  const server = new HookServer({ path, answer, counts, logger, onStatus, ...limits });
  await server.listen();
  return { server, path, logger, counts };
}

function socketPath(): string {
  return join(mkdtempSync(join(tmpdir(), 'hauberk-hook-')), 'hook.sock');
}

const isProtected = async (): Promise<HookAnswer> => ({ outcome: 'protected' });

test('a request that was sent in time is answered even if it could not be read in time', async (t) => {
  const { server, path, counts } = await serve(isProtected, undefined, 100);
  t.after(() => server.close());
  const socket = connect({ path, allowHalfOpen: true });
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  await once(socket, 'connect');
  // Until the server has accepted it, and its time runs.
  await sleep(20);
  socket.end(JSON.stringify(hookRequest()));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
  await once(socket, 'end');
  assert.match(answer, /^protected/);
  assert.equal(counts.rejectedRequests, 0);
});

test('a request is passed on completely, and its answer is one line', async () => {
  const requests: HookRequest[] = [];
  const answers: HookAnswer[] = [
    { outcome: 'protected' },
    { outcome: 'ignored', reason: 'a pause container' },
    { outcome: 'unprotected', reason: 'the disk\nis full' },
  ];
  const { server, path } = await serve(async (request) => {
    requests.push(request);
    return answers[requests.length - 1]!;
  });
  const request = hookRequest({
    runtime: 'containerd',
    on_failure: 'allow',
    state: { pid: 7, bundle: '/run/bundle', annotations: { key: 'value', number: 1 } },
  });
  assert.equal(await requestAsHook(path, request), 'protected\n');
  assert.equal(await requestAsHook(path, request), 'ignored a pause container\n');
  assert.equal(await requestAsHook(path, request), 'unprotected the disk is full\n');
  assert.deepEqual(requests[0], {
    runtime: 'containerd',
    onFailure: 'allow',
    id: 'a',
    pid: 7,
    bundle: '/run/bundle',
    annotations: { key: 'value' },
  });
  await server.close();
});

test('only the owner may connect, and the server removes the socket when it closes', async () => {
  const { server, path } = await serve(isProtected);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(server.status(), { name: 'hook', address: path, connected: true, reason: '' });
  await server.close();
  assert.throws(() => statSync(path), /ENOENT/u);
  assert.equal(server.isListening, false);
});

test('a connection that cannot be accepted is logged, and requests are still answered', async (t) => {
  const listen = t.mock.method(Server.prototype, 'listen');
  const { server, path, logger } = await serve(isProtected);
  const [listening] = listen.mock.calls;
  (listening!.this as Server).emit('error', new Error('accept ENFILE'));
  assert.equal(logger.lines.at(-1)!.message, "cannot accept a connection on the hook's socket");
  assert.equal(await requestAsHook(path, hookRequest()), 'protected\n');
  await server.close();
});

test('a removed socket is reported, and created again at the next attempt', async () => {
  const { server, path, logger } = await serve(isProtected);
  rmSync(path);
  assert.deepEqual([server.isListening, server.status().reason], [false, 'something else has removed it']);
  await server.listen();
  assert.equal(await requestAsHook(path, hookRequest()), 'protected\n');
  assert.deepEqual([server.isListening, server.status().reason, logger.warnings.length], [true, '', 1]);
  await server.close();
});

test('an invalid request is answered with the error, and counted', async () => {
  const { server, path, counts, logger } = await serve(isProtected);
  const wrong: [unknown, RegExp][] = [
    ['{ no JSON', /^unprotected the request: it is not JSON/u],
    ['[]', /the request is not an object/u],
    [{ ...hookRequest(), version: 2 }, /its version is 2, not 1/u],
    [hookRequest({ runtime: 'lxc' }), /it names no runtime/u],
    [hookRequest({ on_failure: 'perhaps' }), /on_failure is neither/u],
    [hookRequest({ state: { id: '../../etc' } }), /state\.id is not a container id/u],
    [hookRequest({ state: { pid: 0 } }), /state\.pid is not a process/u],
    [hookRequest({ state: { bundle: 'relative' } }), /state\.bundle is not an absolute path/u],
    [hookRequest({ state: { annotations: [] } }), /annotations is not an object/u],
    [hookRequest({ state: { annotations: { long: 'x'.repeat(300_000) } } }), /longer than 262144 bytes/u],
  ];
  for (const [request, answer] of wrong) assert.match(await requestAsHook(path, request), answer);
  assert.equal(counts.rejectedRequests, wrong.length);
  assert.equal(logger.warnings.length, wrong.length);
  assert.equal(await requestAsHook(path, hookRequest()), 'protected\n');
  await server.close();
});

test('an incomplete request is abandoned after a time limit', async () => {
  const { server, path } = await serve(isProtected, socketPath(), 100);
  const socket = connect(path, () => socket.write('{'));
  const answer = await new Promise<string>((resolve) => socket.on('data', (data) => resolve(data.toString())));
  assert.equal(answer, 'unprotected the request: it was not sent within 100 ms\n');
  socket.destroy();
  await server.close();
});

test('a connection beyond the limit is closed without an answer, counted and reported', async () => {
  const { server, path, counts, logger } = await serve(isProtected, socketPath(), 10_000, 1);
  const held = connect(path);
  await new Promise((resolve) => held.once('connect', resolve));
  assert.equal(await requestAsHook(path, hookRequest()).catch(() => ''), '');
  await eventually(() => counts.rejectedRequests === 1);
  assert.match(logger.warnings[0]?.message ?? '', /reached its limit of connections/u);
  held.destroy();
  await eventually(async () => (await requestAsHook(path, hookRequest()).catch(() => '')) === 'protected\n');
  await server.close();
});

test('a hundred requests are in progress, and more wait for their turn', async () => {
  let underWay = 0;
  let most = 0;
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  const { server, path } = await serve(async () => {
    underWay++;
    most = Math.max(most, underWay);
    await gate;
    underWay--;
    return { outcome: 'protected' };
  });
  const answers = Array.from({ length: 130 }, () => requestAsHook(path, hookRequest()));
  await eventually(() => underWay === 100);
  open();
  assert.deepEqual(new Set(await Promise.all(answers)), new Set(['protected\n']));
  assert.equal(most, 100);
  await server.close();
});

test('a stale socket is replaced; one in use is reported, and replaced when it is free', async () => {
  const path = socketPath();
  const other = createServer().listen(path);
  await new Promise((resolve) => other.once('listening', resolve));
  const { server, logger } = await serve(isProtected, path);
  assert.equal(server.status().connected, false);
  assert.match(server.status().reason, /is in use: a server answers on it/u);
  await server.listen();
  assert.equal(logger.warnings.length, 1);
  await new Promise((resolve) => other.close(resolve));
  await server.listen();
  assert.equal(server.status().reason, '');
  assert.equal(await requestAsHook(path, hookRequest()), 'protected\n');
  await server.close();

  const file = socketPath();
  writeFileSync(file, '');
  const refused = await serve(isProtected, file);
  assert.match(refused.server.status().reason, /is not a socket/u);
});

test('requests in progress are answered when the server closes, and endless ones are cut off', async () => {
  let answer: (answer: HookAnswer) => void = () => undefined;
  const { server, path } = await serve(() => new Promise((resolve) => (answer = resolve)));
  const first = requestAsHook(path, hookRequest());
  const requested = answer;
  await eventually(() => answer !== requested);
  const closed = server.close();
  await eventually(() => !server.isListening);
  await assert.rejects(requestAsHook(path, hookRequest()), /ENOENT/u);
  answer({ outcome: 'protected' });
  assert.equal(await first, 'protected\n');
  await closed;

  const stuck = await serve(() => new Promise(() => undefined));
  const second = requestAsHook(stuck.path, hookRequest());
  await new Promise((resolve) => setTimeout(resolve, 20));
  await stuck.server.close();
  assert.equal(await second, '');
});
