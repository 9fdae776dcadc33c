import { CONTAINERS } from '../events/messages.js';
import { EventPipeline } from '../events/processes.js';
import type { Group } from '../figures.js';
import { progress } from '../support/progress.js';

const STREAMS = 1000;
const STALLED = 10;
const EVENTS_PER_SECOND = 10;
/** Enough to fill the windows and the queues of streams that are not read. */
const FLOOD = { eventsPerSecond: 10_000, seconds: 3, container: 1 };

/** Many clients, some of which do not read: the memory that they take, and the latency of the others. */
export const streamsGroup: Group = {
  figures: ['streams_1000_rss_mib', 'streams_1000_p99_ms'],
  async measure({ quick }, record) {
    progress(`streams: ${STREAMS} connections, ${STALLED} of them not reading`);
    const readers = STREAMS - STALLED;
    const pipeline = await EventPipeline.start({
      streams: readers,
      stalled: STALLED,
      containerIds: [CONTAINERS[0]],
    });
    try {
      await pipeline.produce(FLOOD);
      // Not measured: the first run of code is slow.
      await pipeline.run({ eventsPerSecond: EVENTS_PER_SECOND, seconds: 1, container: 0 }, readers);
      const { percentiles, events, expected, missed } = await pipeline.run(
        { eventsPerSecond: EVENTS_PER_SECOND, seconds: quick ? 2 : 10, container: 0 },
        readers,
      );
      if (events < expected) throw new Error(`of ${expected} events ${events} arrived and ${missed} were missed`);
      record('streams_1000_p99_ms', percentiles!.p99);
      const report = await pipeline.report();
      // The readers' filter excludes the flood.
      if (report.missed === 0) throw new Error('the streams that are not read have missed nothing');
      record('streams_1000_rss_mib', report.peakMebibytes);
    } finally {
      await pipeline.close();
    }
  },
};
