import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeEvent } from '../../events/support.js';
import { until } from '../access-support.js';
import { manifest } from '../support.js';
import { serveKubearmor } from './support.js';

test('HealthCheck echoes the nonce', async (t) => {
  const { client } = await serveKubearmor(t);
  for (const nonce of [0, 1, 2_147_483_647, -1]) {
    assert.equal((await client.healthCheck(nonce)) | 0, nonce);
  }
});

describe('WatchAlerts', () => {
  for (const filter of ['all', 'policy']) {
    test(`streams new decisions for the filter ${filter}`, async (t) => {
      const { client, hub } = await serveKubearmor(t);
      hub.publish([makeEvent({ policy: 'before' })]);
      const { received, opened } = client.watchAlerts(filter);
      await opened;
      hub.publish([makeEvent(), makeEvent({ containerId: 'host', containerName: 'n' })]);
      await until(() => received.length === 2);
      const { UpdatedTime, PolicyName, HostPID, UID, ATags, Resource, EventData, Type, ExecEvent } = received[0]!;
      assert.deepEqual(
        { UpdatedTime, PolicyName, HostPID, UID, ATags, Resource, EventData, Type, ExecEvent },
        {
          UpdatedTime: '2023-11-14T22:13:20.123456Z',
          PolicyName: 'no-shadow',
          HostPID: 4007,
          UID: 1000,
          ATags: ['secrets'],
          Resource: '/etc/shadow',
          EventData: { Lsm: 'FILE_OPEN' },
          Type: 'MatchedPolicy',
          ExecEvent: { ExecutableName: 'cat' },
        },
      );
      assert.equal(received[1]!.Type, 'MatchedHostPolicy');
    });
  }

  for (const filter of ['', 'system', 'Policy', 'nonsense']) {
    test(`ends with OK for the filter "${filter}"`, async (t) => {
      const { client, hub } = await serveKubearmor(t);
      assert.equal(await client.watchAlerts(filter).ended, 'OK');
      assert.equal(hub.counts().subscribers, 0);
    });
  }

  test('reports to a slow client how many alerts it missed', async (t) => {
    const { client, hub } = await serveKubearmor(t, undefined, { queueCapacity: 100 });
    const { stream, received, opened } = client.watchAlerts('all');
    await opened;
    stream.pause();
    const count = 3000;
    const message = 'x'.repeat(2000);
    for (let first = 0; first < count; first += 100) {
      hub.publish(Array.from({ length: 100 }, () => makeEvent({ message })));
      await new Promise(setImmediate);
    }
    const { missed } = hub.counts();
    assert.ok(missed > 0);
    stream.resume();
    const thresholds = () => received.filter(({ Operation }) => Operation === 'AlertThreshold');
    await until(() => received.length - thresholds().length + missed === count);
    const reported = thresholds().map(({ Message }) => Number(/missed (\d+) alerts/.exec(Message as string)![1]));
    assert.equal(
      reported.reduce((sum, each) => sum + each, 0),
      missed,
    );
  });

  test('ends the subscription when the client disconnects', async (t) => {
    const { client, hub } = await serveKubearmor(t);
    const { stream, opened } = client.watchAlerts('policy');
    await opened;
    assert.equal(hub.counts().subscribers, 1);
    stream.cancel();
    await until(() => hub.counts().subscribers === 0);
  });
});

describe('WatchLogs', () => {
  test('stays open and empty for all and system, and ends with OK for others', async (t) => {
    const { client, servers } = await serveKubearmor(t);
    const open = ['all', 'system'].map((filter) => client.watchLogs(filter));
    await Promise.all(open.map(({ opened }) => opened));
    assert.equal(await client.watchLogs('policy').ended, 'OK');
    await servers.shutdown(1000);
    for (const { ended, received } of open) {
      assert.equal(await ended, 'UNAVAILABLE');
      assert.deepEqual(received, []);
    }
  });
});

describe('WatchLogs of visible containers', () => {
  test('reports allowed accesses, and the number of unreported ones', async (t) => {
    const { client, plane, hub } = await serveKubearmor(t);
    const { received, opened } = client.watchLogs('system');
    await opened;
    hub.publish([makeEvent()]);
    const allowed = { action: 'Allow', result: 'passed', policy: '', count: 12, operations: ['read'] } as const;
    plane.telemetry.hub.publish([
      makeEvent({ ...allowed, object: '/etc/hosts' }),
      makeEvent({ class: undefined, action: undefined, result: undefined, operation: '', suppressed: 40 }),
    ]);
    await until(() => received.length === 2);
    const { Type, Result, Resource, Data, EventData, Operation, ProcessName, HostPID } = received[0]!;
    assert.deepEqual(
      { Type, Result, Resource, Data, EventData, Operation, ProcessName, HostPID },
      {
        Type: 'ContainerLog',
        Result: 'Passed',
        Resource: '/etc/hosts',
        Data: 'syscall=SYS_OPENAT flags=O_RDONLY count=12',
        EventData: { Syscall: 'SYS_OPENAT', Flags: 'O_RDONLY', Count: '12' },
        Operation: 'File',
        ProcessName: '/bin/cat',
        HostPID: 4007,
      },
    );
    const [, limit] = received;
    assert.deepEqual([limit!.Type, limit!.Operation], ['SystemEvent', 'AlertThreshold']);
    assert.equal(limit!.Data, 'dropped=40 limit=3 seconds=3600');
  });

  test('reports to a slow client how many logs it missed', async (t) => {
    const { client, plane } = await serveKubearmor(t, undefined, { queueCapacity: 10 });
    const { received, opened } = client.watchLogs('all');
    await opened;
    plane.telemetry.hub.publish(Array.from({ length: 15 }, () => makeEvent({ action: 'Allow', count: 1 })));
    await until(() => received.length === 11);
    assert.deepEqual([received[0]!.Operation, received[0]!.Data], ['AlertThreshold', 'missed=5']);
  });
});

describe('WatchMessages', () => {
  test('reports the result for a policy that was sent, and why it was refused', async (t) => {
    const { client } = await serveKubearmor(t);
    const { received, opened } = client.watchMessages();
    await opened;
    assert.equal(await client.sendPolicy('containerPolicy', '{"type":"ADDED"}'), 'Invalid');
    await until(() => received.length === 1);
    const { Timestamp, UpdatedTime, ClusterName, Type, Level, Message } = received[0]!;
    assert.deepEqual(
      { ClusterName, Type, Level, Message },
      { ClusterName: 'default', Type: 'Message', Level: 'WARN', Message: 'a policy refused: object: must be a policy' },
    );
    assert.match(UpdatedTime as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.equal(Math.floor(Date.parse(UpdatedTime as string) / 1000), Timestamp);
  });

  test('reports when policies are no longer in force, and each new warning once', async (t) => {
    const { client, plane } = await serveKubearmor(t);
    const { received, opened } = client.watchMessages();
    await opened;
    plane.host.setStatus({ enforcing: false, reason: 'a pin was removed', warnings: ['nobody follows podman'] });
    plane.host.announce();
    plane.host.announce();
    plane.host.setStatus({ enforcing: true, reason: '' });
    plane.host.announce();
    await until(() => received.length >= 3);
    assert.deepEqual(
      received.map(({ Level, Message }) => [Level, Message]),
      [
        ['ERROR', 'policies are not in force: a pin was removed'],
        ['WARN', 'nobody follows podman'],
        ['INFO', 'policies are in force'],
      ],
    );
  });

  test('cuts off a client that does not read, so that there are no silent gaps', async (t) => {
    const { client, plane } = await serveKubearmor(t);
    const { stream, opened, ended } = client.watchMessages();
    await opened;
    stream.pause();
    const warning = 'x'.repeat(10_000);
    for (let count = 0; count < 3000; count++) {
      plane.host.setStatus({ warnings: [`${warning}${count}`] });
      plane.host.announce();
      if (count % 100 === 0) await new Promise(setImmediate);
    }
    stream.resume();
    assert.equal(await ended, 'RESOURCE_EXHAUSTED');
  });
});

test('a relay can use all three streams on one connection after a health check', async (t) => {
  const { client, hub } = await serveKubearmor(t);
  assert.equal(await client.healthCheck(7), 7);
  const streams = [client.watchMessages(), client.watchAlerts('policy'), client.watchLogs('system')] as const;
  for (const { opened } of streams) await opened;
  hub.publish([makeEvent()]);
  await client.sendPolicy('containerPolicy', '{"type":"ADDED"}');
  const [messages, alerts, logs] = streams;
  await until(() => messages.received.length > 0 && alerts.received.length > 0);
  assert.deepEqual(logs.received, []);
});

test("alerts also report policies that were applied by Hauberk's own API", async (t) => {
  const { client, plane, hub } = await serveKubearmor(t);
  await plane.policies.apply(plane.policies.readManifest(manifest('no-shadow')));
  const { received, opened } = client.watchAlerts('policy');
  await opened;
  hub.publish([makeEvent()]);
  await until(() => received.length === 1);
  assert.equal(received[0]!.PolicyName, 'no-shadow');
});
