/** Reads event streams in a process of its own and notes when each event arrives. */
import { type ClientReadableStream, credentials } from '@grpc/grpc-js';
import { EventServiceClient, StreamEventsRequest, StreamEventsResponse } from '../../src/generated/hauberk/v1/event.js';
import { percentile } from '../support/statistics.js';
import { monotonicMilliseconds } from './clock.js';
import type { ClientRequest, ClientSettings, Received } from './messages.js';

/** How many connections are opened at a time: the server's queue of those not yet accepted is short. */
const CONNECTIONS_AT_ONCE = 50;

const EVERYTHING = StreamEventsRequest.decode(new Uint8Array());

class Tally {
  #latencies = new Float64Array(1 << 16);
  #events = 0;
  #missed = 0;
  #last = 0;
  #bytes = 0;
  #sampled = 0;

  constructor(readonly clockOffset: bigint) {}

  add(response: StreamEventsResponse): void {
    const now = monotonicMilliseconds();
    this.#last = now;
    this.#missed += Number(response.missed);
    if (this.#sampled === 0) {
      this.#bytes = StreamEventsResponse.encode(response).finish().length;
      this.#sampled = response.events.length;
    }
    for (const { time } of response.events) {
      const recorded = time!.seconds * 1_000_000_000n + BigInt(time!.nanos) - this.clockOffset;
      this.#push(now - Number(recorded) / 1e6);
    }
  }

  /** The totals so far. */
  peek(): Received {
    return {
      events: this.#events,
      missed: this.#missed,
      last: this.#last,
      bytesEach: this.#sampled === 0 ? 0 : this.#bytes / this.#sampled,
    };
  }

  /** The totals with latencies, which are then reset. */
  take(): Received {
    const latencies = this.#latencies.subarray(0, this.#events);
    const percentiles =
      latencies.length === 0 ? undefined : { p50: percentile(latencies, 50), p99: percentile(latencies, 99) };
    const received = this.peek();
    this.#events = 0;
    this.#missed = 0;
    this.#sampled = 0;
    return { ...received, ...(percentiles && { percentiles }) };
  }

  #push(latency: number): void {
    if (this.#events === this.#latencies.length) {
      const longer = new Float64Array(this.#latencies.length * 2);
      longer.set(this.#latencies);
      this.#latencies = longer;
    }
    this.#latencies[this.#events++] = latency;
  }
}

/** Opens a stream over a connection of its own; resolves once the server has accepted it. */
function open(address: string, containerIds: readonly string[]): Promise<ClientReadableStream<StreamEventsResponse>> {
  const client = new EventServiceClient(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const call = client.streamEvents({ ...EVERYTHING, containerIds: [...containerIds] });
  return new Promise((resolve, reject) => {
    call.once('metadata', () => resolve(call));
    call.once('error', reject);
  });
}

async function openAll(count: number, open: () => Promise<unknown>): Promise<void> {
  for (let opened = 0; opened < count; opened += CONNECTIONS_AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(CONNECTIONS_AT_ONCE, count - opened) }, open));
  }
}

const settings = JSON.parse(process.argv[2]!) as ClientSettings;
const tally = new Tally(BigInt(settings.clockOffset));
await openAll(settings.stalled, async () => {
  const call = await open(settings.address, []);
  // grpc-js buffers a stream that was never read without limit; flow control only works once it was read and paused.
  call.once('data', () => call.pause());
});
await openAll(settings.streams, async () => {
  const call = await open(settings.address, settings.containerIds);
  call.on('data', (response: StreamEventsResponse) => tally.add(response));
});
process.on('message', (question: ClientRequest) => process.send!(tally[question]()));
process.on('disconnect', () => process.exit());
process.send!('ready');
