import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Container } from '../../src/containers/container.js';
import type { ContainerRegistry } from '../../src/control/container-registry.js';
import { Store } from '../../src/store/store.js';
import type { Group } from '../figures.js';
import { BenchObject } from '../support/bench-object.js';
import { containerMapOf, controlOn, SELECTED } from '../support/control.js';
import { processorMilliseconds } from '../support/processor-time.js';
import { progress } from '../support/progress.js';
import { median } from '../support/statistics.js';

const MANY = 10_000;
const IN_FLIGHT = 100;
const AT_ONCE = { register_ms_1: 1, register_ms_50: 50, register_ms_1000: 1000 } as const;

/** New containers, by the daemon's one writer with its store on disk and a hash of maps in this machine's kernel. */
export const registerGroup: Group = {
  figures: [
    ...(['register_ms_1', 'register_cpu_ms_1', 'register_ms_50', 'register_ms_1000', 'register_visible_ms_1'] as const),
    ...(['register_s_10000', 'register_cpu_s_10000'] as const),
  ],
  async measure({ quick, wants }, record) {
    const directory = mkdtempSync(join(tmpdir(), 'hauberk-bench-'));
    const object = new BenchObject();
    const store = await Store.open(directory);
    try {
      const map = containerMapOf(object);
      const { ledger, registry } = controlOn(map, store);
      await ledger.start([]);
      // The first one has its policy compiled; the others are of its kind.
      await registry.put(container(0));
      const passes = quick ? 5 : 51;
      for (const [figure, count] of Object.entries(AT_ONCE) as [keyof typeof AT_ONCE, number][]) {
        const rounds = count === 1000 ? Math.ceil(passes / 5) : passes;
        progress(`register: ${count} at once, ${rounds} times`);
        const milliseconds: number[] = [];
        const processor: number[] = [];
        const visible: number[] = [];
        for (let round = 0; round < rounds; round++) {
          const processorBegan = processorMilliseconds();
          const began = performance.now();
          const onVisible = () => visible.push(performance.now() - began);
          await Promise.all(upTo(count).map((number) => registry.put(container(number), onVisible)));
          milliseconds.push(performance.now() - began);
          processor.push(processorMilliseconds() - processorBegan);
          await Promise.all(upTo(count).map((number) => registry.remove(container(number).id)));
        }
        record(figure, median(milliseconds));
        if (count === 1) record('register_cpu_ms_1', median(processor));
        if (count === 1) record('register_visible_ms_1', median(visible));
      }
      if (wants('register_s_10000') || wants('register_cpu_s_10000')) {
        const began = processorMilliseconds();
        record('register_s_10000', await registerMany(registry));
        record('register_cpu_s_10000', (processorMilliseconds() - began) / 1000);
        if (map.keys().length !== MANY + 1) throw new Error('the kernel does not hold every container');
      }
      await ledger.stop();
    } finally {
      await store.close();
      object.close();
      rmSync(directory, { recursive: true });
    }
  },
};

/** @returns how many seconds it took */
async function registerMany(registry: ContainerRegistry): Promise<number> {
  progress(`register: ${MANY}, ${IN_FLIGHT} in flight`);
  const began = performance.now();
  let next = 1;
  const registerOn = async () => {
    while (next <= MANY) await registry.put(container(next++));
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, registerOn));
  return (performance.now() - began) / 1000;
}

/** The numbers from 1 to `count`. */
function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

function container(number: number): Container {
  const id = number.toString(16).padStart(64, '0');
  return {
    id,
    name: `container-${number}`,
    namespace: 'default',
    labels: SELECTED,
    origin: 'registered',
    // Inode numbers of no namespace: no program looks them up.
    namespaces: { pidNamespace: number + 1, mountNamespace: number + 1 },
    initStartTicks: number,
    links: {},
  };
}
