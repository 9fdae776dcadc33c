import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { connect, HauberkError, type ReceivedEvents } from '../../../src/client/index.js';
import { EventHub } from '../../../src/events/hub.js';
import { startServer } from '../../../src/rpc/server.js';
import { createServices } from '../../../src/rpc/services.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { makeEvent } from '../events/support.js';
import { DESCRIPTORS, LogRecorder, manifest, serveAll, temporaryDirectory } from '../rpc/support.js';

test('a call returns its message, and fields that are left out are empty', async (t) => {
  const { server } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  assert.equal((await client.host.getStatus()).version, '1.2.3');
  const { revision } = await client.policies.applyPolicy({ source: { $case: 'manifest', value: manifest('one') } });
  assert.equal(revision, 1n);
  const { policies } = await client.policies.listPolicies();
  assert.deepEqual(
    policies.map(({ name }) => name),
    ['one'],
  );
});

test('other programs import the client by the name of the package', async () => {
  const name = 'hauberk/client';
  const packaged = await import(name);
  assert.equal(packaged.connect, connect);
  assert.equal(packaged.HauberkError, HauberkError);
});

test('a refusal has the name of its status and every field that is wrong', async (t) => {
  const { server } = await serveAll(t);
  const client = connect({ address: server.address });
  t.after(() => client.close());
  const value = manifest('one', 'relative');
  await assert.rejects(client.policies.applyPolicy({ source: { $case: 'manifest', value } }), (error: HauberkError) => {
    assert.ok(error instanceof HauberkError);
    assert.equal(error.code, 'INVALID_ARGUMENT');
    assert.deepEqual(error.violations, [
      {
        field: 'spec.file.matchPaths[0].path',
        description: 'line 12, column 15: must be absolute, that is start with `/`',
      },
    ]);
    return true;
  });
});

test('an address at which no daemon listens is reported as such', async (t) => {
  const client = connect({ address: `unix:${join(temporaryDirectory(t), 'none.sock')}`, timeoutMilliseconds: 2000 });
  t.after(() => client.close());
  await assert.rejects(client.host.getStatus(), ({ code }: HauberkError) => code === 'UNAVAILABLE');
});

describe('the event stream of a client', () => {
  /** A daemon that can be stopped and started again at one address, with the same or a new event hub. */
  async function daemonAt(address: string, hub: EventHub) {
    const { services } = createServices({ plane: new InMemoryControlPlane(), hub, descriptorSet: DESCRIPTORS });
    return startServer({ listen: address, services, logger: new LogRecorder() });
  }

  function follow(address: string, filter = {}) {
    const ended = new AbortController();
    const client = connect({ address });
    const received: ReceivedEvents[] = [];
    let opened = 0;
    let changed = () => {};
    const run = (async () => {
      for await (const each of client.events(filter, { signal: ended.signal, onOpen: () => note() })) {
        received.push(each);
        changed();
      }
    })();
    const note = () => {
      opened++;
      changed();
    };
    return {
      received,
      pids: () => received.flatMap(({ events }) => events.map(({ pid }) => pid)),
      async until(condition: () => boolean) {
        while (!condition()) {
          await new Promise<void>((resolve) => {
            changed = resolve;
          });
        }
      },
      opened: () => opened,
      async end() {
        ended.abort();
        await run;
        client.close();
      },
      run,
    };
  }

  test('resumes where it stopped after a lost connection', async (t) => {
    const address = `unix:${join(temporaryDirectory(t), 'test.sock')}`;
    const hub = new EventHub();
    const first = await daemonAt(address, hub);
    const stream = follow(address);
    await stream.until(() => stream.opened() === 1);
    hub.publish([makeEvent({ pid: 1 })]);
    await stream.until(() => stream.pids().length === 1);
    await first.shutdown(0);
    hub.publish([makeEvent({ pid: 2 }), makeEvent({ pid: 3 })]);
    const second = await daemonAt(address, hub);
    t.after(() => second.shutdown(0));
    await stream.until(() => stream.pids().length === 3);
    hub.publish([makeEvent({ pid: 4 })]);
    await stream.until(() => stream.pids().length === 4);
    assert.deepEqual(stream.pids(), [1, 2, 3, 4]);
    assert.ok(stream.received.every(({ missed, restarted }) => missed === 0 && !restarted));
    await stream.end();
  });

  test('receives what happened while the connection was lost, even if no event had come before', async (t) => {
    const address = `unix:${join(temporaryDirectory(t), 'test.sock')}`;
    const hub = new EventHub();
    hub.publish([makeEvent({ pid: 1 })]);
    const first = await daemonAt(address, hub);
    const stream = follow(address);
    await stream.until(() => stream.received.length === 1);
    await first.shutdown(0);
    hub.publish([makeEvent({ pid: 2 }), makeEvent({ pid: 3 })]);
    const second = await daemonAt(address, hub);
    t.after(() => second.shutdown(0));
    await stream.until(() => stream.pids().length === 2);
    assert.deepEqual(stream.pids(), [2, 3]);
    assert.ok(stream.received.every(({ missed, restarted }) => missed === 0 && !restarted));
    await stream.end();
  });

  test('says that another daemon answers, even if no event had come before', async (t) => {
    const address = `unix:${join(temporaryDirectory(t), 'test.sock')}`;
    const first = await daemonAt(address, new EventHub());
    const stream = follow(address);
    await stream.until(() => stream.received.length === 1);
    await first.shutdown(0);
    const other = new EventHub();
    other.publish([makeEvent({ pid: 1 })]);
    const second = await daemonAt(address, other);
    t.after(() => second.shutdown(0));
    await stream.until(() => stream.pids().length === 1);
    assert.equal(stream.received.at(-1)?.restarted, true);
    await stream.end();
  });

  test('reports how many events were lost, and when another daemon answers', async (t) => {
    const address = `unix:${join(temporaryDirectory(t), 'test.sock')}`;
    const small = new EventHub(2);
    const first = await daemonAt(address, small);
    const stream = follow(address);
    await stream.until(() => stream.opened() === 1);
    small.publish([makeEvent({ pid: 1 })]);
    await stream.until(() => stream.pids().length === 1);
    await first.shutdown(0);
    small.publish([2, 3, 4, 5].map((pid) => makeEvent({ pid })));
    const second = await daemonAt(address, small);
    await stream.until(() => stream.pids().length === 3);
    assert.deepEqual(stream.pids(), [1, 4, 5]);
    assert.equal(stream.received.at(-1)?.missed, 2);
    await second.shutdown(0);
    const other = new EventHub();
    const third = await daemonAt(address, other);
    t.after(() => third.shutdown(0));
    await stream.until(() => stream.opened() === 3);
    other.publish([makeEvent({ pid: 9 })]);
    await stream.until(() => stream.pids().length === 4);
    assert.equal(stream.received.at(-1)?.restarted, true);
    await stream.end();
  });

  test('ends with an error that a retry would not solve', async (t) => {
    const { server } = await serveAll(t);
    const stream = follow(server.address, { minimumSeverity: 99 });
    await assert.rejects(stream.run, ({ code }: HauberkError) => code === 'INVALID_ARGUMENT');
  });
});
