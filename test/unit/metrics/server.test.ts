import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, createServer, Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { MetricsServer } from '../../../src/metrics/server.js';
import { eventually } from '../../support/eventually.js';

async function serve(t: TestContext, address = '127.0.0.1:0') {
  const lines: string[] = [];
  const tell = (_: object, message: string) => void lines.push(message);
  let changes = 0;
  const server = new MetricsServer({
    address,
    registry: { metrics: async () => 'a_metric 1\n', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    logger: { info: tell, warn: tell },
    onStatus: () => void changes++,
    retryMilliseconds: 10,
  });
  await server.start();
  t.after(() => server.stop());
  return { server, lines, changes: () => changes };
}

async function scrape(port: number, path = '/metrics', method = 'GET') {
  const requested = request({ host: '127.0.0.1', port, path, method, agent: false }).end();
  const [response] = (await once(requested, 'response')) as [IncomingMessage];
  return { status: response.statusCode, text: await text(response) };
}

test('only GET and HEAD of /metrics are served, with any query', async (t) => {
  const { server } = await serve(t);
  const port = server.port!;
  assert.deepEqual(await scrape(port), { status: 200, text: 'a_metric 1\n' });
  assert.deepEqual(await scrape(port, '/metrics?x=1'), { status: 200, text: 'a_metric 1\n' });
  assert.deepEqual(await scrape(port, '/metrics', 'HEAD'), { status: 200, text: '' });
  for (const [path, method] of [
    ['/', 'GET'],
    ['/metrics', 'POST'],
  ] as const)
    assert.equal((await scrape(port, path, method)).status, 404);
});

test('a connection that cannot be accepted is logged, and scrapes are still answered', async (t) => {
  const listen = t.mock.method(Server.prototype, 'listen');
  const { server, lines } = await serve(t);
  const [listening] = listen.mock.calls;
  (listening!.this as Server).emit('error', new Error('accept ENFILE'));
  assert.deepEqual(lines, ['cannot accept a connection for metrics']);
  assert.equal((await scrape(server.port!)).status, 200);
});

test('idle connections beyond the limit are closed, the oldest first, and scrapes are still answered', async (t) => {
  const { server } = await serve(t);
  const port = server.port!;
  const sockets: Socket[] = [];
  let closed = 0;
  for (let number = 0; number < 300; number++) {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.once('close', () => void closed++);
    sockets.push(socket);
    await once(socket, 'connect');
  }
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  await eventually(() => closed === 300 - 64);
  assert.equal(server.closedConnections, closed);
  assert.ok(sockets[0]!.destroyed && !sockets[299]!.destroyed);
  assert.equal((await scrape(port)).status, 200);
});

test('when the port is in use that is logged, and retried until metrics are served', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const { server, lines, changes } = await serve(t, `127.0.0.1:${port}`);
  const problem = `metrics are not served on 127.0.0.1:${port}: listen EADDRINUSE: address already in use 127.0.0.1:${port}; trying again`;
  assert.equal(server.problem, problem);
  other.close();
  await eventually(() => server.problem === undefined);
  assert.deepEqual(lines, [problem, 'metrics are served now']);
  assert.equal(changes(), 2);
  assert.equal((await scrape(port)).status, 200);
});
