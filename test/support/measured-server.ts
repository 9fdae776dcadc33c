import { readFileSync } from 'node:fs';
import { EventHub } from '../../src/events/hub.js';
import { startServer } from '../../src/rpc/server.js';
import { createServices } from '../../src/rpc/services.js';
import { InMemoryControlPlane } from './in-memory-control-plane.js';
import { TurnMeter } from './turn-meter.js';

/**
 * A program: the daemon's services over a kernel that is memory, as a process of its own. Says by messages how long the
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
  await plane.keeper.register(description, { pidNamespace: 1000 + number, mountNamespace: 1_000_000 + number });
}
const { services, close } = createServices({
  plane,
  hub: new EventHub(),
  descriptorSet: readFileSync('build/descriptors.binpb'),
});
const logger = { info: () => undefined, warn: () => undefined, error: console.error };
const server = await startServer({ listen, services, logger, limits: { requestsPerSecond: 100_000 } });
const meter = new TurnMeter();

process.on('message', async (question: 'start' | 'worst' | 'memory' | 'processor' | 'end') => {
  if (question === 'start') meter.start();
  if (question === 'worst') meter.stop();
  if (question === 'memory') globalThis.gc?.();
  if (question === 'end') {
    close();
    await server.shutdown(0);
    process.exit(0);
  }
  const { user, system } = process.cpuUsage();
  const answers = { memory: process.memoryUsage().rss, processor: (user + system) / 1000 } as const;
  process.send!(question in answers ? answers[question as keyof typeof answers] : meter.worst);
});
process.once('disconnect', () => process.exit(1));
process.send!('ready');
