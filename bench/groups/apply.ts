import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Container } from '../../src/containers/container.js';
import { NOTHING_DESIRED } from '../../src/control/desired-state.js';
import { DryRunPool } from '../../src/control/dry-run-pool.js';
import { Enforcement } from '../../src/control/enforcement.js';
import { Ledger } from '../../src/control/ledger.js';
import { PolicyRegistry } from '../../src/control/policy-registry.js';
import { ContainerMap, createKernelImage, releaseKernelImage } from '../../src/kernel/images.js';
import { toManifest } from '../../src/policy/manifest-text.js';
import { PolicySet } from '../../src/policy/policy-set.js';
import { compileSchemas } from '../../src/policy/schema-check.js';
import { Store } from '../../src/store/store.js';
import type { Group } from '../figures.js';
import { BenchObject } from '../support/bench-object.js';
import { progress } from '../support/progress.js';
import { mixedPolicy, POSTURES } from '../support/rules.js';
import { median } from '../support/statistics.js';

const CONTAINERS = 1000;
/** Containers of a kind have rules of their own beside the policy that is applied, so each kind needs an image. */
const KINDS = 10;
const RULES_OF_KIND = 20;
const RULES_APPLIED = 10;
const DELAY_RESOLUTION_MILLISECONDS = 1;

/** The daemon's one writer with its store on disk and a hash of maps in this machine's kernel; only no program asks it. */
export const applyGroup: Group = {
  figures: ['apply_ms_1000_containers', 'apply_stall_ms'],
  async measure({ quick }, record) {
    const passes = quick ? 5 : 51;
    progress(`apply: a policy to ${CONTAINERS} containers, ${passes} times`);
    const directory = mkdtempSync(join(tmpdir(), 'hauberk-bench-'));
    const object = new BenchObject();
    const store = await Store.open(directory);
    try {
      const map = new ContainerMap(object.map('containers'), object.map('container_starts'));
      let published = 0;
      const enforcement = new Enforcement(
        {
          createImage: createKernelImage,
          releaseImage: releaseKernelImage,
          enforceHost: () => undefined,
          observeCalls: () => undefined,
          publish: async (entries) => {
            await map.publish(entries);
            published = performance.now();
          },
          markTasksInside: async () => 0,
          removeContainers: (containers) => map.remove(containers),
          containers: () => map.keys(),
        },
        POSTURES,
        new Map(),
        0,
        undefined,
      );
      const ledger = new Ledger(
        enforcement,
        store,
        { desired: desiredState(), revision: 0 },
        () => undefined,
        () => undefined,
      );
      const registry = new PolicyRegistry(ledger, POSTURES, new DryRunPool(), { warningsFor: () => [] });
      await ledger.start([]);
      // As the daemon does once it serves, not when the first policy comes.
      for (const _ of compileSchemas());
      const milliseconds: number[] = [];
      let worstDelay = 0;
      const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MILLISECONDS });
      for (let pass = 0; pass < passes; pass++) {
        const manifest = toManifest(mixedPolicy('applied', RULES_APPLIED + (pass % 2), { tier: 'front' }));
        // Anew: what is done between the passes is no delay of the daemon's.
        delays.reset();
        delays.enable();
        // A turn before and one after, so that a delay from the first moment to the last is seen.
        await sleep(2 * DELAY_RESOLUTION_MILLISECONDS);
        const began = performance.now();
        const { result } = await registry.apply(registry.readManifest(manifest));
        milliseconds.push(published - began);
        await sleep(2 * DELAY_RESOLUTION_MILLISECONDS);
        delays.disable();
        worstDelay = Math.max(worstDelay, delays.max);
        if (result[0]?.containerIds.length !== CONTAINERS) throw new Error('the policy did not reach every container');
      }
      if (map.keys().length !== CONTAINERS) throw new Error('the kernel does not hold every container');
      await ledger.stop();
      record('apply_ms_1000_containers', median(milliseconds));
      // What the timer measures includes its own period.
      record('apply_stall_ms', worstDelay / 1e6 - DELAY_RESOLUTION_MILLISECONDS);
    } finally {
      await store.close();
      object.close();
      rmSync(directory, { recursive: true });
    }
  },
};

function desiredState() {
  const containers = Array.from({ length: CONTAINERS }, (_, index): Container => {
    const id = index.toString(16).padStart(64, '0');
    return {
      id,
      name: `container-${index}`,
      namespace: 'default',
      labels: { tier: 'front', kind: String(index % KINDS) },
      origin: 'registered',
      // Inodes of namespaces no process has: nothing asks this map.
      namespaces: { pidNamespace: index + 1, mountNamespace: index + 1 },
      links: {},
    };
  });
  const policies = Array.from({ length: KINDS }, (_, kind) =>
    mixedPolicy(`kind-${kind}`, RULES_OF_KIND, { kind: String(kind) }),
  );
  return {
    ...NOTHING_DESIRED,
    policies: PolicySet.empty.with(policies),
    containers: new Map(containers.map((container) => [container.id, container])),
  };
}
