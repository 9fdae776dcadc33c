/**
 * Makes Debian's Prometheus, with the shipped configuration, scrape a simulated hauberkd for some minutes, and records
 * its answers to every query of the dashboard. Usage: record.js RECORDING
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MetricsServer } from '../../src/metrics/server.js';
import { Prometheus } from '../../test/support/prometheus.js';
import { Figures } from './figures.js';
import { legendOf, type Panel, readPanels, type Series } from './panels.js';

const SECONDS = 240;
const TICK_SECONDS = 0.25;
const STEP_SECONDS = 4;
/** Short, since Prometheus scrapes every second here. */
const RATE_SECONDS = 15;

const figures = new Figures();
const logger = { info: () => undefined, warn: () => undefined };
const server = new MetricsServer({
  address: '127.0.0.1:9464',
  registry: figures.metrics.registry,
  logger,
  onStatus: () => undefined,
});
const prometheus = new Prometheus(1);
try {
  await server.start();
  await prometheus.start();
  const from = Math.floor(Date.now() / 1000);
  for (let last = Date.now(); Date.now() / 1000 < from + SECONDS; ) {
    await sleep(TICK_SECONDS * 1000);
    const now = Date.now();
    figures.pass((now - last) / 1000);
    last = now;
  }
  const until = Math.floor(Date.now() / 1000);
  const series: Record<string, Series[]> = {};
  for (const panel of readPanels()) if (panel.type !== 'row') series[panel.title] = await answersTo(panel, from, until);
  writeFileSync(process.argv[2]!, JSON.stringify({ from, until, series }));
} finally {
  await prometheus.end();
  server.stop();
}

async function answersTo(panel: Panel, from: number, until: number): Promise<Series[]> {
  const answers = await Promise.all(
    panel.targets!.map(async ({ expr, legendFormat }) => {
      const query = expr
        .replaceAll('$instance', '.*')
        .replaceAll('$__rate_interval', `${RATE_SECONDS}s`)
        .replaceAll('$__range', `${until - from}s`);
      // Only time series show more than the last value.
      const begin = panel.type === 'timeseries' ? from : until;
      const found = await prometheus.queryRange(query, begin, until, STEP_SECONDS);
      return found.map(({ metric, values }) => ({
        name: legendOf(legendFormat, metric),
        points: values
          .map(([time, value]) => [time, Number(value)] as const)
          .filter(([, value]) => !Number.isNaN(value)),
      }));
    }),
  );
  return answers.flat().filter(({ points }) => points.length > 0);
}
