import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import koffi from 'koffi';
import { EventHub } from '../../../src/events/hub.js';
import { Exporter } from '../../../src/export/exporter.js';
import { FileSink } from '../../../src/export/file-sink.js';
import { JournaldSink, SyslogSink } from '../../../src/export/syslog-sink.js';
import { eventually } from '../../support/eventually.js';
import { journaledEvents } from '../../support/journaled-events.js';
import { makeEvent } from '../events/support.js';
import { LogRecorder, temporaryDirectory } from '../rpc/support.js';

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => makeEvent({ hostPid: from + index }));
const LARGE = { bytes: 1024 * 1024, files: 5 };

/** The complete lines: the last one may still be written. */
function linesOf(path: string) {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** Undefined for what was closed meanwhile. */
function readlink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

const libc = koffi.load('libc.so.6');
const [socket, bind, recv, close] = [
  libc.func('int socket(int family, int type, int protocol)'),
  libc.func('int bind(int fd, const void *address, unsigned int length)'),
  libc.func('int64 recv(int fd, void *data, size_t length, int flags)'),
  libc.func('int close(int fd)'),
];

/** A datagram socket like /dev/log. */
function receiver(t: TestContext, path: string) {
  const address = Buffer.alloc(110);
  address.writeUInt16LE(1);
  address.write(path, 2);
  const descriptor = socket(1, 0o4002, 0);
  assert.equal(bind(descriptor, address, address.length), 0);
  t.after(() => close(descriptor));
  const bytes = Buffer.alloc(65_536);
  return () => {
    const length = Number(recv(descriptor, bytes, bytes.length, 0));
    return length < 0 ? undefined : Buffer.from(bytes.subarray(0, length));
  };
}

describe('the export of events', () => {
  test('writes each as a line of JSON, and continues after a restart where it stopped', async (t) => {
    const directory = temporaryDirectory(t);
    const [file, state] = [join(directory, 'events.log'), join(directory, 'state.json')];
    for (let round = 0; round < 3; round++) {
      const daemon = await journaledEvents(join(directory, 'journal'));
      // No export runs yet.
      await daemon.write(numbered(round * 20 + 1, round * 20 + 10));
      const exporter = new Exporter('file', daemon.hub, new FileSink(file, LARGE), state, new LogRecorder());
      await daemon.write(numbered(round * 20 + 11, round * 20 + 20));
      await eventually(() => linesOf(file).length === round * 20 + 20);
      await exporter.stop();
      await daemon.close();
    }
    const lines = linesOf(file);
    assert.deepEqual(
      lines.map(({ sequence }) => sequence),
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    assert.deepEqual(
      lines.map(({ hostPid }) => hostPid),
      lines.map(({ sequence }) => sequence),
    );
    assert.equal(lines[0].result, 'DENIED');
    assert.equal(lines[0].time, '2023-11-14T22:13:20.123456789Z');
  });

  test('rotates files before they are too large, and keeps a limited number', async (t) => {
    const path = join(temporaryDirectory(t), 'events.log');
    const sink = new FileSink(path, { bytes: 4096, files: 3 });
    const text = 'x'.repeat(999);
    for (let number = 0; number < 40; number++) await sink.write([{ text }]);
    sink.close();
    const sizes = ['', '.1', '.2'].map((suffix) => statSync(path + suffix).size);
    assert.deepEqual(sizes, [4000, 4000, 4000]);
    assert.ok(!existsSync(`${path}.3`));
  });

  test('keeps events while they cannot be written, logs that once, and loses none', async (t) => {
    const directory = temporaryDirectory(t);
    const logs = join(directory, 'logs');
    const [file, logger, hub] = [join(logs, 'events.log'), new LogRecorder(), new EventHub()];
    const sink = new FileSink(file, LARGE);
    const exporter = new Exporter('file', hub, sink, join(directory, 'state.json'), logger);
    for (let first = 1; first <= 1000; first += 100) {
      hub.publish(numbered(first, first + 99));
      await new Promise(setImmediate);
    }
    await eventually(() => !exporter.counts().isWorking);
    mkdirSync(logs);
    await eventually(() => linesOf(file).length === 1000);
    // Another process has removed the file.
    rmSync(file);
    hub.publish(numbered(1001, 1001));
    await eventually(() => linesOf(file).length === 1);
    assert.deepEqual(
      logger.lines.map(({ level }) => level),
      ['warn', 'info'],
    );
    await exporter.stop();
  });

  test('reads again, in order and each once, what could not be read from the journal', async (t) => {
    const directory = temporaryDirectory(t);
    const [file, logger] = [join(directory, 'events.log'), new LogRecorder()];
    const daemon = await journaledEvents(join(directory, 'journal'), { historyCapacity: 10 });
    for (let first = 1; first <= 1000; first += 100) await daemon.write(numbered(first, first + 99));
    const read = t.mock.method(daemon.journal, 'read', async function* (after: number) {
      // Some can be read before the disk fails.
      for await (const frame of daemon.journal.files.read(after, 0n)) {
        if (frame.first > 300) throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
        yield frame;
      }
    });
    const sink = new FileSink(file, LARGE);
    const exporter = new Exporter('file', daemon.hub, sink, join(directory, 'state.json'), logger);
    await eventually(() => !exporter.counts().isWorking);
    await eventually(() => read.mock.callCount() > 2);
    read.mock.restore();
    await eventually(() => linesOf(file).length === 1000);
    assert.deepEqual(
      linesOf(file).map(({ sequence }) => sequence),
      Array.from({ length: 1000 }, (_, index) => index + 1),
    );
    assert.deepEqual(
      logger.lines.map(({ level, message }) => [level, message]),
      [
        ['warn', 'events cannot be read for the export; they wait'],
        ['info', 'events are exported again'],
      ],
    );
    assert.ok(exporter.counts().isWorking);
    await exporter.stop();
    await daemon.close();
  });

  test('ends while nothing can be read from the journal', async (t) => {
    const directory = temporaryDirectory(t);
    const daemon = await journaledEvents(join(directory, 'journal'), { historyCapacity: 10 });
    await daemon.write(numbered(1, 100));
    t.mock.method(daemon.journal, 'read', () => {
      throw new Error('EMFILE: too many open files');
    });
    const sink = new FileSink(join(directory, 'events.log'), LARGE);
    const exporter = new Exporter('file', daemon.hub, sink, join(directory, 'state.json'), new LogRecorder());
    await eventually(() => !exporter.counts().isWorking);
    await exporter.stop();
    await daemon.close();
  });

  test('records what a slow sink has taken after the end, so that it is not exported twice', async (t) => {
    const state = join(temporaryDirectory(t), 'state.json');
    const hub = new EventHub();
    const { promise, resolve: take } = Promise.withResolvers<void>();
    const sink = { write: t.mock.fn(() => promise), close: t.mock.fn() };
    const exporter = new Exporter('slow', hub, sink, state, new LogRecorder());
    hub.publish(numbered(1, 10));
    await eventually(() => sink.write.mock.callCount() === 1);
    await exporter.stop();
    assert.equal(sink.close.mock.callCount(), 1);
    assert.ok(!existsSync(state));
    take();
    await eventually(() => existsSync(state));
    assert.deepEqual(JSON.parse(readFileSync(state, 'utf8')), { run: hub.run, sequence: 10 });
  });

  test('finishes the write under way to a file that is closed', async (t) => {
    const path = join(temporaryDirectory(t), 'events.log');
    const sink = new FileSink(path, LARGE);
    const written = sink.write([{ text: '{"sequence":1}' }]);
    sink.close();
    await written;
    assert.deepEqual(linesOf(path), [{ sequence: 1 }]);
    const open = readdirSync('/proc/self/fd').map((name) => readlink(`/proc/self/fd/${name}`));
    assert.ok(!open.includes(path));
  });

  test('sends events to syslog and journald that cannot forge other entries', async (t) => {
    const directory = temporaryDirectory(t);
    const event = makeEvent({ object: '/x\n<34>Oct 1 00:00:00 forged: \u001b[2J', containerName: 'a\nPRIORITY=0' });
    for (const [Sink, check] of [
      [
        SyslogSink,
        (bytes: Buffer) => {
          const [, json] = /^<84>\w{3} [ \d]\d \d\d:\d\d:\d\d hauberkd\[\d+\]: (\{.*\})$/u.exec(bytes.toString()) ?? [];
          assert.equal(JSON.parse(json!).object, event.object);
        },
      ],
      [
        JournaldSink,
        (bytes: Buffer) => {
          const fields = new Map<string, string>();
          for (let position = 0; position < bytes.length; ) {
            const end = bytes.indexOf('\n', position);
            const length = Number(bytes.readBigUInt64LE(end + 1));
            fields.set(bytes.toString('utf8', position, end), bytes.toString('utf8', end + 9, end + 9 + length));
            position = end + 9 + length + 1;
          }
          assert.equal(JSON.parse(fields.get('MESSAGE')!).object, event.object);
          assert.equal(fields.get('HAUBERK_CONTAINER'), event.containerName);
          assert.equal(fields.get('PRIORITY'), '4');
        },
      ],
    ] as const) {
      const path = join(directory, `${Sink.name}.sock`);
      const receive = receiver(t, path);
      const hub = new EventHub();
      const state = join(directory, `${Sink.name}.json`);
      const exporter = new Exporter('test', hub, new Sink(path), state, new LogRecorder());
      hub.publish([event]);
      let received: Buffer | undefined;
      await eventually(() => {
        received ??= receive();
        return received !== undefined;
      });
      check(received!);
      await exporter.stop();
    }
  });
});
