import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../../src/failure.js';
import { HostServiceService } from '../../../src/generated/hauberk/v1/host.js';
import { RpcService } from '../../../src/rpc/handler.js';
import { hostServiceOf } from '../../../src/rpc/host-service.js';
import { policyServiceOf } from '../../../src/rpc/policy-service.js';
import { type ServerOptions, startServer, tryToListen } from '../../../src/rpc/server.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { answerOf, hostClient, LogRecorder, policyClient, refusal, temporaryDirectory } from './support.js';

/** A server of the host's and the policies' service; it is stopped after the test. */
const waitForRevision = () => ({ enforcedRevision: 0n });

async function start(t: TestContext, listen: string, options: Partial<ServerOptions> = {}) {
  const plane = new InMemoryControlPlane();
  const services = [hostServiceOf(plane.host), policyServiceOf(plane.policies, plane.judge)];
  const logger = new LogRecorder();
  const server = await startServer({ listen, services, logger, ...options });
  t.after(() => server.shutdown(0));
  return { server, logger };
}

async function failureOf(started: Promise<unknown>): Promise<Pick<Failure, 'code' | 'message'>> {
  const thrown = await started.then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(thrown instanceof Failure, `${thrown}`);
  return { code: thrown.code, message: thrown.message };
}

const socketIn = (t: TestContext) => join(temporaryDirectory(t), 'hauberk.sock');

describe('a server on a Unix socket', () => {
  test('creates the directory, and a socket that only its owner can use', async (t) => {
    const directory = join(temporaryDirectory(t), 'deep/run');
    const path = join(directory, 'hauberk.sock');
    const { server } = await start(t, `unix:${path}`);
    assert.equal(server.address, `unix:${path}`);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal(statSync(directory).mode & 0o777, 0o755);
    assert.deepEqual(readdirSync(directory), ['hauberk.sock']);
    assert.equal((await answerOf(hostClient(t, server), (c) => c.getStatus, {})).version, '1.2.3');
  });

  test('never has a socket at its path that others could use', async (t) => {
    const path = socketIn(t);
    const modes = new Set<number>();
    let watching = true;
    const watch = (async () => {
      while (watching) {
        const found = statSync(path, { throwIfNoEntry: false });
        if (found !== undefined) modes.add(found.mode & 0o777);
        await new Promise(setImmediate);
      }
    })();
    const umask = process.umask(0);
    t.after(() => process.umask(umask));
    for (let round = 0; round < 20; round++) {
      const { server } = await start(t, `unix:${path}`);
      await server.shutdown(0);
    }
    watching = false;
    await watch;
    assert.deepEqual([...modes], [0o600]);
  });

  test('replaces a socket on which nothing listens', async (t) => {
    const path = socketIn(t);
    await leaveStaleSocket(path);
    assert.ok(existsSync(path));
    const { server } = await start(t, `unix:${path}`);
    assert.equal((await answerOf(hostClient(t, server), (c) => c.getStatus, {})).version, '1.2.3');
  });

  test('does not replace a socket on which a server listens', async (t) => {
    const path = socketIn(t);
    const { server } = await start(t, `unix:${path}`);
    assert.deepEqual(await failureOf(start(t, `unix:${path}`)), {
      code: 'failed-precondition',
      message: `${path} is in use: a server answers on it`,
    });
    assert.equal((await answerOf(hostClient(t, server), (c) => c.getStatus, {})).version, '1.2.3');
  });

  test('does not replace a file that is not a socket', async (t) => {
    const path = socketIn(t);
    writeFileSync(path, 'precious');
    assert.deepEqual(await failureOf(start(t, `unix:${path}`)), {
      code: 'failed-precondition',
      message: `${path} is there already and is not a socket`,
    });
    assert.ok(existsSync(path));
  });

  test('refuses a path that is too long, and leaves nothing behind', async (t) => {
    const directory = temporaryDirectory(t);
    const path = join(directory, 'x'.repeat(108 - directory.length));
    const { code, message } = await failureOf(start(t, `unix:${path}`));
    assert.equal(code, 'failed-precondition');
    assert.equal(message, `${path} is too long for the path of a Unix socket`);
    assert.deepEqual(readdirSync(directory), []);
  });

  test('removes its socket when it stops, but not that of a successor', async (t) => {
    const path = socketIn(t);
    const first = await start(t, `unix:${path}`);
    await first.server.shutdown(1000);
    assert.equal(existsSync(path), false);

    const second = await start(t, `unix:${path}`);
    renameSync(path, `${path}.moved`);
    await start(t, `unix:${path}`);
    await second.server.shutdown(1000);
    assert.equal(existsSync(path), true);
  });
});

/** Leaves a stale socket, like a process that was killed. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script, path]), 'exit');
}

describe('a server on a TCP address', () => {
  for (const listen of ['127.0.0.1:0', '[::1]:0', 'localhost:0']) {
    test(`serves on ${listen} and returns the port`, async (t) => {
      const { server } = await start(t, listen, { insecureTcp: { role: 'viewer' } });
      assert.match(server.address, /^(?:127\.0\.0\.1|\[::1\]):[1-9]\d*$/u);
      assert.equal((await answerOf(hostClient(t, server), (c) => c.getStatus, {})).version, '1.2.3');
    });
  }

  for (const listen of ['0.0.0.0:50051', '192.0.2.1:50051', '[::]:50051', '[::ffff:192.0.2.1]:1', '[fe80::1]:1']) {
    test(`refuses ${listen}, which other hosts could reach`, async (t) => {
      assert.deepEqual(await failureOf(start(t, listen, { insecureTcp: { role: 'viewer' } })), {
        code: 'invalid-argument',
        message: `listen: "${listen}" is not a loopback address; --insecure-tcp allows no other`,
      });
    });
  }

  test('refuses to serve without TLS by default', async (t) => {
    assert.deepEqual(await failureOf(start(t, '127.0.0.1:0')), {
      code: 'invalid-argument',
      message:
        'listen: "127.0.0.1:0" is a TCP address, which needs --tls-certificate, --tls-key and --tls-client-ca; ' +
        'for a test on a loopback address there is --insecure-tcp',
    });
  });

  test('refuses settings of TLS without a TCP address, and contradictory ones', async (t) => {
    const tls = { certificate: '/c', key: '/k', clientCa: '/a' };
    const insecureTcp = { role: 'viewer' } as const;
    const unix = `unix:${socketIn(t)}`;
    for (const [listen, options, why] of [
      [unix, { insecureTcp }, 'is not a TCP address, so --insecure-tcp has no meaning'],
      [unix, { tls }, 'is not a TCP address, so --tls-certificate has no meaning'],
      ['127.0.0.1:0', { tls, insecureTcp }, 'cannot have both --tls-certificate and --insecure-tcp'],
    ] as const) {
      const message = `listen: ${JSON.stringify(listen)} ${why}`;
      assert.deepEqual(await failureOf(start(t, listen, options)), { code: 'invalid-argument', message });
    }
  });

  for (const [listen, why] of [
    ['example.org:50051', 'must name an IP address'],
    ['127.0.0.1', 'is neither unix:PATH nor ADDRESS:PORT'],
    ['127.0.0.1:65536', 'is neither unix:PATH nor ADDRESS:PORT'],
    ['::1:50051', 'is neither unix:PATH nor ADDRESS:PORT'],
    ['unix:', 'is neither unix:PATH nor ADDRESS:PORT'],
    ['', 'is neither unix:PATH nor ADDRESS:PORT'],
  ] as const) {
    test(`refuses ${JSON.stringify(listen)}`, async (t) => {
      const message = `listen: ${JSON.stringify(listen)} ${why}`;
      assert.deepEqual(await failureOf(start(t, listen)), { code: 'invalid-argument', message });
    });
  }

  test('reports a port that is in use', async (t) => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    t.after(() => holder.close());
    const { port } = holder.address() as { port: number };
    const { code, message } = await failureOf(start(t, `127.0.0.1:${port}`, { insecureTcp: { role: 'viewer' } }));
    assert.equal(code, 'failed-precondition');
    assert.match(message, new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`, 'u'));
  });
});

describe('a server', () => {
  test('accepts requests of up to 8 MiB by default', async (t) => {
    const send = async (server: Parameters<typeof policyClient>[1], bytes: number) =>
      (
        await refusal(
          answerOf(policyClient(t, server), (c) => c.getPolicy, {
            name: 'x'.repeat(bytes),
            namespace: '',
            scope: 0,
            pageToken: '',
          }),
        )
      ).code;
    const usual = (await start(t, `unix:${socketIn(t)}`)).server;
    assert.equal(await send(usual, 8 * 1024 * 1024 - 8), 'NOT_FOUND');
    assert.equal(await send(usual, 8 * 1024 * 1024 + 1), 'RESOURCE_EXHAUSTED');
    const small = (await start(t, `unix:${socketIn(t)}`, { limits: { messageBytes: 1000 } })).server;
    assert.equal(await send(small, 990), 'NOT_FOUND');
    assert.equal(await send(small, 1001), 'RESOURCE_EXHAUSTED');
  });

  test('lets calls in progress finish when it stops', async (t) => {
    const plane = new InMemoryControlPlane();
    let begun = () => {};
    const called = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const slow = RpcService.of(HostServiceService, {
      waitForRevision,
      async getStatus() {
        begun();
        await sleep(50);
        return {
          ...plane.host.status(),
          sources: [],
          warnings: [],
          unprotectedContainers: 0,
          revision: 0n,
          enforcedRevision: 0n,
          securityModules: [],
          programs: [],
          missingHooks: [],
          started: undefined,
        };
      },
    });
    const { server, logger } = await start(t, `unix:${socketIn(t)}`, { services: [slow] });
    const client = hostClient(t, server);
    const answer = answerOf(client, (c) => c.getStatus, {});
    await called;
    const stopped = server.shutdown(5000);
    assert.equal((await answer).version, '1.2.3');
    await stopped;
    assert.deepEqual(logger.lines, []);
    assert.equal((await refusal(answerOf(client, (c) => c.getStatus, {}))).code, 'UNAVAILABLE');
  });

  test('cancels unfinished calls at the end of the grace period', async (t) => {
    let begun = () => {};
    const called = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const stuck = RpcService.of(HostServiceService, {
      waitForRevision,
      getStatus() {
        begun();
        return new Promise<never>(() => undefined);
      },
    });
    const { server, logger } = await start(t, `unix:${socketIn(t)}`, { services: [stuck] });
    const answer = refusal(answerOf(hostClient(t, server), (c) => c.getStatus, {}));
    await called;
    const began = performance.now();
    await Promise.all([server.shutdown(50), server.shutdown(50)]);
    assert.ok(performance.now() - began >= 45);
    assert.notEqual((await answer).code, 'OK');
    assert.deepEqual(
      logger.lines.map(({ message }) => message),
      ['calls were still under way and have been cut off'],
    );
  });
});

describe('an attempt to listen', () => {
  test('leaves no socket to which clients could connect', async (t) => {
    const directory = temporaryDirectory(t);
    await tryToListen({ listen: `unix:${join(directory, 'hauberk.sock')}` });
    assert.deepEqual(readdirSync(directory), []);
    await tryToListen({ listen: '127.0.0.1:0', insecureTcp: { role: 'viewer' } });
  });

  test('succeeds at the path of a socket that systemd opened', async (t) => {
    const path = join(temporaryDirectory(t), 'hauberk.sock');
    const systemd = createServer().listen(path);
    await once(systemd, 'listening');
    t.after(() => systemd.close());
    await tryToListen({ listen: `unix:${path}`, inheritedSocket: 3 });
    await assert.rejects(tryToListen({ listen: `unix:${path}` }));
  });

  test('fails as the server would: for an address in use, a path that is not a socket, or unusable certificates', async (t) => {
    const directory = temporaryDirectory(t);
    const { server } = await start(t, `unix:${join(directory, 'hauberk.sock')}`);
    assert.match(
      (await failureOf(tryToListen({ listen: server.address }))).message,
      /is in use: a server answers on it/,
    );
    writeFileSync(join(directory, 'file'), '');
    const file = await failureOf(tryToListen({ listen: `unix:${join(directory, 'file')}` }));
    assert.match(file.message, /is there already and is not a socket/);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    t.after(() => other.close());
    const { port } = other.address() as { port: number };
    const taken = { listen: `127.0.0.1:${port}`, insecureTcp: { role: 'viewer' } } as const;
    assert.match((await failureOf(tryToListen(taken))).message, /cannot listen on .*EADDRINUSE/);
    const missing = join(directory, 'missing.pem');
    const tls = { certificate: missing, key: missing, clientCa: missing };
    assert.match((await failureOf(tryToListen({ listen: '127.0.0.1:0', tls }))).message, /missing\.pem cannot be used/);
  });
});
