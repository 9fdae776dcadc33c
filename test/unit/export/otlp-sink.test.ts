import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { EventHub } from '../../../src/events/hub.js';
import { startExports } from '../../../src/export/exports.js';
import { OtlpSink } from '../../../src/export/otlp-sink.js';
import { eventually } from '../../support/eventually.js';
import { journaledEvents } from '../../support/journaled-events.js';
import { startCollector } from '../../support/otlp-collector.js';
import { makeEvent } from '../events/support.js';
import { LogRecorder, temporaryDirectory } from '../rpc/support.js';

const HOST = { hostName: 'node-1', machineId: '0123' };
const numbered = (from: number, to: number, fields = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => makeEvent({ hostPid: from + index, ...fields }));
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** Exports to a collector until the test is over. */
async function exportTo(t: TestContext, url: string, hub: EventHub, stateDirectory = temporaryDirectory(t)) {
  const logger = new LogRecorder();
  const rotation = { bytes: 1, files: 1 };
  const [exporter] = await startExports(`otlp:${url}`, hub, { rotation, stateDirectory, host: HOST, logger });
  t.after(() => exporter!.stop());
  return { exporter: exporter!, logger };
}

describe('the export by OTLP', () => {
  test('sends events as log records, with the parts that are searched for as attributes', async (t) => {
    const collector = await startCollector(t, () => ({}));
    const hub = new EventHub();
    await exportTo(t, collector.url, hub);
    const details = {
      ...{ hostName: 'node-1', machineId: '0123', image: 'web:2', workingDirectory: '/srv', terminal: '' },
      commandLine: ['cat', '/etc/shadow'],
    };
    hub.publish([makeEvent({ details }), makeEvent({ result: 'passed', policy: '' })]);
    await eventually(() => collector.taken.length === 2);
    const [denied, passed] = collector.taken;
    assert.deepEqual(collector.requests[0]!.path, '/v1/logs');
    assert.deepEqual(denied!.resource, {
      'service.name': 'hauberkd',
      'service.version': '0.1.0',
      'host.name': 'node-1',
      'host.id': '0123',
    });
    assert.deepEqual(
      [denied!.time, denied!.severity, denied!.eventName],
      [1_700_000_000_123_456_789n, 'WARN', 'hauberk.access'],
    );
    assert.deepEqual(denied!.attributes, {
      'hauberk.sequence': 1,
      'hauberk.namespace': 'default',
      'hauberk.policy': 'no-shadow',
      'hauberk.rule': 'file.matchPaths[0]',
      'hauberk.severity': 5,
      'hauberk.operation': 'open',
      'hauberk.object': '/etc/shadow',
      'hauberk.denied': true,
      'container.id': 'c1',
      'container.name': 'web-1',
      'container.image.name': 'web:2',
      'process.executable.path': '/bin/cat',
      'process.command_args': ['cat', '/etc/shadow'],
      'process.working_directory': '/srv',
      'process.pid': 4007,
      'process.vpid': 7,
      'process.parent_pid': 4001,
      'user.id': '1000',
    });
    assert.equal(JSON.parse(denied!.body).parentProgram, '/bin/sh');
    assert.deepEqual([passed!.severity, passed!.attributes['hauberk.denied']], ['INFO2', false]);
    assert.ok(!('hauberk.policy' in passed!.attributes));
  });

  test('continues behind what the collector has acknowledged, over its absence and restarts of the daemon', async (t) => {
    const [journal, state] = [join(temporaryDirectory(t), 'journal'), temporaryDirectory(t)];
    let status = 200;
    const collector = await startCollector(t, () => ({ status }));
    const first = await journaledEvents(journal);
    const before = await exportTo(t, collector.url, first.hub, state);
    await first.write(numbered(1, 10));
    await eventually(() => collector.taken.length === 10);
    status = 404;
    await first.write(numbered(11, 20));
    await eventually(() => !before.exporter.counts().isWorking);
    assert.match(String(before.logger.lines[0]!.fields.err), /the collector answers 404 Not Found/u);
    await before.exporter.stop();
    await first.close();
    status = 200;
    const second = await journaledEvents(journal);
    await exportTo(t, collector.url, second.hub, state);
    await second.write(numbered(21, 700));
    await eventually(() => collector.taken.length === 700);
    assert.deepEqual(
      collector.taken.map(({ attributes }) => attributes['hauberk.sequence']),
      range(1, 700),
    );
    await second.close();
  });

  test('tells of events that are gone', async (t) => {
    const collector = await startCollector(t, () => ({}));
    const hub = new EventHub(5);
    hub.publish(numbered(1, 20));
    await exportTo(t, `${collector.url}/otlp/logs`, hub);
    await eventually(() => collector.taken.length === 6);
    assert.equal(collector.requests[0]!.path, '/otlp/logs');
    assert.equal(collector.taken[0]!.eventName, 'hauberk.gap');
    assert.deepEqual(JSON.parse(collector.taken[0]!.body), { missed: 15, gone: [{ first: 1, last: 15 }] });
  });

  test('counts what a collector refuses, and says so once', async (t) => {
    const collector = await startCollector(t, (batch) => ({ rejected: batch.length > 1 ? 2 : 1 }));
    const hub = new EventHub();
    const { exporter, logger } = await exportTo(t, collector.url, hub);
    hub.publish(numbered(1, 10));
    await eventually(() => exporter.counts().exported === 10);
    hub.publish(numbered(11, 11));
    await eventually(() => exporter.counts().exported === 11);
    assert.deepEqual(exporter.counts(), { exported: 11, refused: 3, isWorking: true });
    assert.deepEqual(
      logger.lines.map(({ fields: { count, cause }, message }) => [count, cause, message]),
      [[2, 'not these', 'the collector refuses events; they are counted from now on']],
    );
  });

  /** Exports ten events to a collector that answers so to batches with these processes, and never takes the seventh alone. */
  async function exportTen(t: TestContext, status: number, isRefused: (processes: unknown[]) => boolean) {
    const collector = await startCollector(t, (batch) =>
      isRefused(batch.map(({ attributes }) => attributes['process.pid'])) ? { status } : {},
    );
    const hub = new EventHub();
    const { exporter, logger } = await exportTo(t, collector.url, hub);
    hub.publish(numbered(1, 10));
    await eventually(() => exporter.counts().exported === 10);
    assert.deepEqual(
      collector.taken.map(({ attributes }) => attributes['process.pid']),
      [1, 2, 3, 4, 5, 6, 8, 9, 10],
    );
    assert.deepEqual(exporter.counts(), { exported: 10, refused: 1, isWorking: true });
    return logger;
  }

  test('sends fewer at once where a batch is too large, and gives up only an event that is too large alone', async (t) => {
    await exportTen(t, 413, (processes) => processes.length > 3 || processes.includes(7));
  });

  test('gives up an event that the collector finds invalid, which answers 400, and no other', async (t) => {
    const logger = await exportTen(t, 400, (processes) => processes.includes(7));
    assert.deepEqual(
      logger.lines.map(({ fields: { count, cause } }) => [count, cause]),
      [[1, 'the collector answers 400 Bad Request to an event']],
    );
  });

  test('keeps events while 400 is the answer to everything, as of a port for TLS', async (t) => {
    let status = 400;
    const collector = await startCollector(t, () => ({ status }));
    const sink = new OtlpSink(collector.url, HOST, new LogRecorder());
    t.after(() => sink.close());
    const lines = ['one', 'two'].map((text) => ({ text }));
    await assert.rejects(sink.write(lines), /the collector answers 400 Bad Request/u);
    status = 200;
    await sink.write(lines);
    assert.deepEqual([sink.refused, collector.taken.length], [0, 2]);
  });

  test('counts an event that is too large once where its batch has to be written again', async (t) => {
    let status = 404;
    const collector = await startCollector(t, (batch) =>
      batch.some(({ body }) => body === 'large') ? { status: 413 } : { status },
    );
    const sink = new OtlpSink(collector.url, HOST, new LogRecorder());
    t.after(() => sink.close());
    const lines = ['large', 'small'].map((text) => ({ text }));
    await assert.rejects(sink.write(lines), /the collector answers 404/u);
    assert.equal(sink.refused, 0);
    status = 200;
    await sink.write(lines);
    assert.equal(sink.refused, 1);
  });

  test("takes a collector's headers from OpenTelemetry's environment variables", async (t) => {
    process.env.OTEL_EXPORTER_OTLP_HEADERS = 'authorization=Bearer%20abc';
    t.after(() => delete process.env.OTEL_EXPORTER_OTLP_HEADERS);
    const collector = await startCollector(t, () => ({}));
    const hub = new EventHub();
    const state = temporaryDirectory(t);
    const { exporter } = await exportTo(t, collector.url, hub, state);
    hub.publish(numbered(1, 1));
    await eventually(() => collector.taken.length === 1);
    const { authorization, 'user-agent': agent } = collector.requests[0]!.headers;
    assert.equal(authorization, 'Bearer abc');
    assert.match(agent!, /^hauberkd\/0\.1\.0 /u);
    await exporter.stop();
    assert.ok(existsSync(join(state, `export-otlp-${encodeURIComponent(collector.url)}.json`)));
  });
});
