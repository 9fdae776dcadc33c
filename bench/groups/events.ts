import { EventPipeline } from '../events/processes.js';
import type { Group, Recorder, Scope } from '../figures.js';
import { progress } from '../support/progress.js';

const RATES = [1000, 50_000] as const;
const RAMP_START = 20_000;
const RAMP_END = 2_000_000;
/** How many runs must lose nothing for a rate to count. */
const CONFIRMATIONS = 3;

/** From the kernel's ring through the daemon's own code to one client, at fixed rates and at the limit. */
export const eventsGroup: Group = {
  figures: [
    'events_per_s',
    'event_p50_ms_1000',
    'event_p99_ms_1000',
    'event_p50_ms_50000',
    'event_p99_ms_50000',
    'event_cpu_ns_50000',
    'event_bytes',
    'event_rss_mib',
    'journal_events_per_s',
    'journal_event_cpu_ns_50000',
  ],
  async measure(scope, record) {
    const pipeline = await EventPipeline.start({ streams: 1, stalled: 0, containerIds: [] });
    try {
      // Not measured: the first run of code is slow.
      await pipeline.run({ eventsPerSecond: 10_000, seconds: 1, container: 0 });
      await measureRates(pipeline, scope, record);
      if (scope.wants('events_per_s')) record('events_per_s', await findLimit(pipeline, scope));
      record('event_rss_mib', (await pipeline.report()).peakMebibytes);
    } finally {
      await pipeline.close();
    }
    if (scope.wants('journal_events_per_s') || scope.wants('journal_event_cpu_ns_50000'))
      await measureJournal(scope, record);
  },
};

async function measureJournal(scope: Scope, record: Recorder): Promise<void> {
  const pipeline = await EventPipeline.start({ streams: 1, stalled: 0, containerIds: [] }, true);
  try {
    await pipeline.run({ eventsPerSecond: 10_000, seconds: 1, container: 0 });
    const { processorNanoseconds } = await measureRate(pipeline, RATES[1], scope.quick);
    record('journal_event_cpu_ns_50000', processorNanoseconds);
    if (scope.wants('journal_events_per_s')) record('journal_events_per_s', await findLimit(pipeline, scope));
  } finally {
    await pipeline.close();
  }
}

async function measureRates(pipeline: EventPipeline, { quick }: Scope, record: Recorder): Promise<void> {
  for (const rate of RATES) {
    const { percentiles, bytesEach, processorNanoseconds } = await measureRate(pipeline, rate, quick);
    if (percentiles !== undefined) {
      record(`event_p50_ms_${rate}`, percentiles.p50);
      record(`event_p99_ms_${rate}`, percentiles.p99);
    }
    if (rate === RATES[0]) record('event_bytes', bytesEach);
    else record('event_cpu_ns_50000', processorNanoseconds);
  }
}

/** One run at a fixed rate, with the processor time that the serving process takes for an event. */
async function measureRate(pipeline: EventPipeline, rate: number, quick: boolean) {
  progress(`events: ${rate} a second`);
  const before = await pipeline.report();
  const outcome = await pipeline.run({ eventsPerSecond: rate, seconds: quick ? 1 : 8, container: 0 });
  const spent = (await pipeline.report()).processorMilliseconds - before.processorMilliseconds;
  const { produced, missed, events, expected } = outcome;
  const lost = produced.dropped + missed + Math.max(0, expected - events - missed);
  if (lost > 0) progress(`events: ${lost} of ${produced.sent} lost at ${rate} a second`);
  return { ...outcome, processorNanoseconds: (spent * 1e6) / expected };
}

/**
 * Raises the rate until an event is lost, then lowers it to the first that loses nothing in several runs, since near the
 * limit a single run may be lucky. The throughput is the lowest of those runs, timed to the last arrival.
 */
async function findLimit(pipeline: EventPipeline, { quick }: Scope): Promise<number> {
  const step = quick ? 1.5 : 1.15;
  const seconds = quick ? 1 : 3;
  let rate = RAMP_START;
  while (rate < RAMP_END && (await reached(pipeline, rate, seconds)) > 0) rate *= step;
  while (rate > RAMP_START) {
    rate /= step;
    const runs: number[] = [];
    for (let pass = 0; pass < CONFIRMATIONS && !runs.includes(0); pass++) {
      runs.push(await reached(pipeline, rate, seconds));
    }
    if (!runs.includes(0)) return Math.min(...runs);
  }
  throw new Error(`events were lost even at ${RAMP_START} a second`);
}

/** Events that arrived per second; 0 when one was lost. */
async function reached(pipeline: EventPipeline, rate: number, seconds: number): Promise<number> {
  const outcome = await pipeline.run({ eventsPerSecond: rate, seconds, container: 0 });
  const { produced, missed, events, expected, last } = outcome;
  if (produced.dropped > 0 || missed > 0 || events < expected) {
    progress(`events: at ${Math.round(rate)} a second the ring dropped ${produced.dropped} and the stream ${missed}`);
    return 0;
  }
  const throughput = events / ((last - produced.began) / 1000);
  progress(`events: ${Math.round(throughput)} a second, none lost`);
  return throughput;
}
