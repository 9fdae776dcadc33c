import { readFileSync } from 'node:fs';
import { warmUp } from '../../src/control/warm-up.js';
import { EventHub } from '../../src/events/hub.js';
import { createKubearmorServices } from '../../src/rpc/kubearmor/services.js';
import { startServer } from '../../src/rpc/server.js';
import { createServices } from '../../src/rpc/services.js';
import { EventLoopMeter, slowness } from './event-loop-meter.js';
import { recordOf } from './event-record.js';
import { InMemoryControlPlane } from './in-memory-control-plane.js';

/**
 * A program: the daemon's services over an in-memory kernel, in a process of its own. Reports by messages how long the
 * turns of its event loop were, and how much memory it holds.
 */

const [listen = '', containers = '0'] = process.argv.slice(2);
const plane = new InMemoryControlPlane();
for (let number = 0; number < Number(containers); number++) {
  const description = {
    id: `${number}`.padStart(64, '0'),
    name: `container-${number}`,
    namespace: 'default',
    labels: { app: 'web', pod: `web-${number}` },
    origin: 'registered',
  } as const;
  await plane.tracker.register(description, { pidNamespace: 1000 + number, mountNamespace: 1_000_000 + number });
}
const { services, close } = createServices({
  plane,
  hub: new EventHub(),
  descriptorSet: readFileSync('build/descriptors.binpb'),
});
const logger = { info: () => undefined, warn: () => undefined, error: console.error };
const kubearmor = createKubearmorServices({
  plane,
  hub: new EventHub(),
  descriptorSet: readFileSync('build/kubearmor.binpb'),
  logger,
  eventsPerSecond: 0,
  throttle: { perSecond: 0, silence: 0 },
});
const karmor = await startServer({
  listen: `${listen}.kubearmor`,
  services: kubearmor.services,
  logger,
  limits: { requestsPerSecond: 100_000 },
});
const server = await startServer({ listen, services, logger, limits: { requestsPerSecond: 100_000 } });
const meter = new EventLoopMeter();

/** Makes a profile `p` of the first container learn thousands of different files. */
async function learn(): Promise<void> {
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await plane.profiles.start('p', { kind: 'container', id: '0'.repeat(64) }, Date.now());
  for (let number = 0; number < 5000; number++) {
    const object = `/srv/${number % 97}/${number}/file`;
    plane.recordings.observe(
      recordOf({ pidNamespace: 1000, mountNamespace: 1_000_000, access: BigInt(number + 1), object }),
    );
  }
}

type Request = 'start' | 'warm' | 'learn' | 'worst' | 'memory' | 'held' | 'processor' | 'end';

/** What each request does, and its response. */
const answers: Record<Request, () => unknown> = {
  start: () => meter.start(),
  // As the daemon does once it serves clients.
  warm: () => warmUp(),
  learn,
  worst() {
    meter.stop();
    return meter.worst / slowness();
  },
  memory() {
    globalThis.gc?.();
    return process.memoryUsage().rss;
  },
  held() {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  },
  processor() {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  async end() {
    close();
    kubearmor.close();
    await Promise.all([server.shutdown(0), karmor.shutdown(0)]);
    process.exit(0);
  },
};
process.on('message', async (request: Request) => process.send!((await answers[request]()) ?? 0));
process.once('disconnect', () => process.exit(1));
process.send!('ready');
