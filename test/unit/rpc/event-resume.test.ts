import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import type { EventHub } from '../../../src/events/hub.js';
import {
  type Position,
  StreamEventsRequest,
  type StreamEventsResponse,
} from '../../../src/generated/hauberk/v1/event.js';
import { replayEvents } from '../../../src/rpc/event-replay.js';
import { eventServiceOf } from '../../../src/rpc/event-service.js';
import { journaledEvents } from '../../support/journaled-events.js';
import { makeEvent } from '../events/support.js';
import { eventClient, readRefusal, serve, temporaryDirectory } from './support.js';

const NOTHING = StreamEventsRequest.decode(new Uint8Array());
const numbered = (from: number, to: number, fields = {}) =>
  Array.from({ length: to - from + 1 }, (_, index) => makeEvent({ hostPid: from + index, ...fields }));

/** The stored events, read by a client that then disconnects. */
async function stored(t: TestContext, hub: EventHub, request: Partial<StreamEventsRequest> = {}) {
  const { server } = await serve(t, [eventServiceOf(hub)]);
  const responses: StreamEventsResponse[] = [];
  const stream = eventClient(t, server).streamEvents({ ...NOTHING, storedOnly: true, ...request });
  for await (const response of stream as AsyncIterable<StreamEventsResponse>) responses.push(response);
  const events = responses.flatMap((response) => response.events);
  return {
    responses,
    events,
    sequences: events.map(({ sequence }) => Number(sequence)),
    gone: responses.flatMap(({ gone }) => gone.map(({ first, last }) => [Number(first), Number(last)])),
    missed: responses.reduce((sum, { missed }) => sum + Number(missed), 0),
    position: responses.at(-1)?.position,
  };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('a stream of events with a journal', () => {
  test('continues over restarts of the daemon: each event once, in order, with the same numbers', async (t) => {
    const directory = join(temporaryDirectory(t), 'journal');
    let position: Position | undefined;
    const seen: number[] = [];
    let next = 1;
    for (let round = 0; round < 6; round++) {
      const daemon = await journaledEvents(directory);
      await daemon.write(numbered(next, next + 99));
      next += 100;
      if (round % 2 === 1) {
        const { events, sequences, missed, position: reached } = await stored(t, daemon.hub, { resumeAfter: position });
        assert.deepEqual(
          sequences,
          events.map(({ hostPid }) => hostPid),
        );
        assert.equal(missed, 0);
        seen.push(...sequences);
        position = reached;
      }
      // Sometimes not closed, as after kill -9.
      if (round % 3 !== 0) await daemon.close();
    }
    assert.deepEqual(seen, range(1, 600));
    assert.equal(position?.run !== undefined && Number(position.sequence), 600);
  });

  test('resumes beyond what the daemon has in memory while new events arrive', async (t) => {
    const directory = join(temporaryDirectory(t), 'journal');
    const daemon = await journaledEvents(directory, { historyCapacity: 64 });
    await daemon.write(numbered(1, 1000));
    const { server } = await serve(t, [eventServiceOf(daemon.hub)]);
    const stream = eventClient(t, server).streamEvents({
      ...NOTHING,
      resumeAfter: { run: daemon.hub.run, sequence: 10n },
    });
    const seen: number[] = [];
    let written = 1000;
    for await (const { events, missed } of stream as AsyncIterable<StreamEventsResponse>) {
      assert.equal(missed, 0n);
      seen.push(...events.map(({ sequence }) => Number(sequence)));
      if (written < 3000) {
        await daemon.write(numbered(written + 1, written + 100));
        written += 100;
      }
      if (seen.length === 2990) break;
    }
    assert.deepEqual(seen, range(11, 3000));
    await daemon.close();
  });

  test('gives a slow client the events from the journal that did not fit into its queue', async (t) => {
    const daemon = await journaledEvents(join(temporaryDirectory(t), 'journal'), { historyCapacity: 64 });
    const { server } = await serve(t, [eventServiceOf(daemon.hub, { queueCapacity: 100 })]);
    const stream = eventClient(t, server).streamEvents(NOTHING);
    await new Promise((resolve) => stream.once('metadata', resolve));
    stream.pause();
    const message = 'x'.repeat(2000);
    for (let first = 1; first <= 8000; first += 500) await daemon.write(numbered(first, first + 499, { message }));
    // Not even while they wait: a counter that falls counts as reset.
    assert.equal(daemon.hub.counts().missed, 0);
    const seen: number[] = [];
    for await (const { events, missed } of stream as AsyncIterable<StreamEventsResponse>) {
      assert.equal(missed, 0n);
      seen.push(...events.map(({ sequence }) => Number(sequence)));
      if (seen.length === 8000) break;
    }
    assert.deepEqual(seen, range(1, 8000));
    assert.equal(daemon.hub.counts().missed, 0);
    await daemon.close();
  });

  test('leaves no listener behind, however often it waits for a client', async (t) => {
    const daemon = await journaledEvents(join(temporaryDirectory(t), 'journal'), { historyCapacity: 64 });
    const message = 'x'.repeat(2000);
    for (let first = 1; first <= 8000; first += 500) await daemon.write(numbered(first, first + 499, { message }));
    let waits = 0;
    const client = new Writable({
      highWaterMark: 1,
      write: (_chunk, _encoding, taken) => {
        waits++;
        setImmediate(taken);
      },
    });
    await replayEvents(daemon.hub, client, { accepts: undefined, after: 0 });
    assert.ok(waits > 1, `${waits} messages`);
    assert.deepEqual([client.listenerCount('close'), client.listenerCount('drain')], [0, 0]);
    await daemon.close();
  });

  test('catches up even if the daemon has more in memory than a queue holds', async (t) => {
    const daemon = await journaledEvents(join(temporaryDirectory(t), 'journal'), { historyCapacity: 1000 });
    for (let first = 1; first <= 2000; first += 500) await daemon.write(numbered(first, first + 499));
    const { server } = await serve(t, [eventServiceOf(daemon.hub, { queueCapacity: 100 })]);
    const request = { ...NOTHING, resumeAfter: { run: daemon.hub.run, sequence: 0n }, storedOnly: true };
    const seen: number[] = [];
    const stream = eventClient(t, server).streamEvents(request) as AsyncIterable<StreamEventsResponse>;
    for await (const { events } of stream) seen.push(...events.map(({ sequence }) => Number(sequence)));
    assert.deepEqual(seen, range(1, 2000));
    await daemon.close();
  });

  test('reports the exact range that is missing, and filters the rest', async (t) => {
    const directory = join(temporaryDirectory(t), 'journal');
    const daemon = await journaledEvents(directory, { historyCapacity: 10 });
    for (let first = 1; first <= 500; first += 100) await daemon.write(numbered(first, first + 99));
    await daemon.close();
    const second = await journaledEvents(directory, { limits: { bytes: 150_000, seconds: 1e9 } });
    await second.write(numbered(501, 600, { containerName: 'other' }));
    const [oldest] = readdirSync(directory).filter((name) => name.endsWith('.events'));
    const first = Number.parseInt(oldest!, 10);
    const run = second.hub.run;
    const others = await stored(t, second.hub, { resumeAfter: { run, sequence: 50n }, containerNames: ['other'] });
    assert.deepEqual(others.sequences, range(501, 600));
    assert.deepEqual(others.gone, first > 51 ? [[51, first - 1]] : []);
    rmSync(join(directory, oldest!));
    const { gone, missed, sequences } = await stored(t, second.hub, { resumeAfter: { run, sequence: 50n } });
    assert.equal(gone[0]?.[0], 51);
    assert.deepEqual(sequences, range(gone[0]![1]! + 1, 600));
    assert.equal(missed, gone[0]![1]! - 50);
    await second.close();
  });

  test('counts what the journal no longer has where a client continues, but not what was before all', async (t) => {
    const directory = join(temporaryDirectory(t), 'journal');
    const first = await journaledEvents(directory, { historyCapacity: 10 });
    for (let number = 1; number <= 500; number += 100) await first.write(numbered(number, number + 99));
    await first.close();
    const daemon = await journaledEvents(directory, { historyCapacity: 10 });
    await daemon.write(numbered(501, 600));
    const [oldest] = readdirSync(directory).filter((name) => name.endsWith('.events'));
    rmSync(join(directory, oldest!));
    const all = await stored(t, daemon.hub);
    assert.ok(all.missed > 0);
    assert.equal(daemon.hub.counts().missed, 0);
    const { missed } = await stored(t, daemon.hub, { resumeAfter: { run: daemon.hub.run, sequence: 50n } });
    assert.equal(missed, all.missed - 50);
    assert.equal(daemon.hub.counts().missed, missed);
    await daemon.close();
  });

  test('reports numbers that no event was given, and does not count them as lost to a slow reader', async (t) => {
    const directory = join(temporaryDirectory(t), 'journal');
    const killed = await journaledEvents(directory, { historyCapacity: 10 });
    await killed.write(numbered(1, 100));
    // Somebody has read on in the ring without writing here.
    const daemon = await journaledEvents(directory, { historyCapacity: 10, position: 1000n });
    const next = daemon.journal.next;
    assert.ok(next > 4096);
    await daemon.write(numbered(1, 100));
    const { gone, missed } = await stored(t, daemon.hub, { resumeAfter: { run: daemon.hub.run, sequence: 50n } });
    assert.deepEqual([gone, missed], [[[101, next - 1]], next - 101]);
    assert.equal(daemon.hub.counts().missed, 0);
    await daemon.close();
  });

  test('gives all stored events to a client with an unknown numbering', async (t) => {
    const daemon = await journaledEvents(join(temporaryDirectory(t), 'journal'));
    await daemon.write(numbered(1, 5));
    const { sequences } = await stored(t, daemon.hub, { resumeAfter: { run: 'another', sequence: 3n } });
    assert.deepEqual(sequences, range(1, 5));
    await daemon.close();
  });

  test('reports events that the kernel dropped at their position in the stream', async (t) => {
    let dropped = 0;
    const options = { dropped: () => dropped };
    const daemon = await journaledEvents(join(temporaryDirectory(t), 'journal'), options);
    await daemon.write(numbered(1, 2));
    dropped = 40;
    await daemon.write(numbered(3, 4));
    await daemon.write(numbered(5, 6));
    const { events } = await stored(t, daemon.hub);
    assert.deepEqual(
      events.map(({ lost, hostPid }) => (lost > 0n ? `lost ${lost}` : hostPid)),
      [1, 2, 3, 4, 'lost 40', 5, 6],
    );
    await daemon.close();
  });

  test('refuses a time together with a position', async (t) => {
    const daemon = await journaledEvents(join(temporaryDirectory(t), 'journal'));
    const { server } = await serve(t, [eventServiceOf(daemon.hub)]);
    const stream = eventClient(t, server).streamEvents({
      ...NOTHING,
      since: { seconds: 1n, nanos: 0 },
      resumeAfter: { run: 'x', sequence: 1n },
    });
    const error = await new Promise<Parameters<typeof readRefusal>[0]>((resolve) =>
      stream.once('error', resolve as never),
    );
    assert.deepEqual(readRefusal(error).violations, [['since', 'cannot be given with resume_after']]);
    await daemon.close();
  });
});
