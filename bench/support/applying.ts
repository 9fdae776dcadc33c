import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { Container } from '../../src/containers/container.js';
import { NOTHING_DESIRED } from '../../src/control/desired-state.js';
import { DryRunPool } from '../../src/control/dry-run-pool.js';
import { Enforcement } from '../../src/control/enforcement.js';
import { NO_HOST_FILES } from '../../src/control/host-files.js';
import { HostSubject } from '../../src/control/host-subject.js';
import { Ledger } from '../../src/control/ledger.js';
import { PolicyRegistry } from '../../src/control/policy-registry.js';
import { warmUp } from '../../src/control/warm-up.js';
import type { PublishedContainer } from '../../src/kernel/enforcer.js';
import type { KernelImage } from '../../src/kernel/images.js';
import { toManifest } from '../../src/policy/manifest-text.js';
import { PolicySet } from '../../src/policy/policy-set.js';
import { Store } from '../../src/store/store.js';
import { BenchObject } from './bench-object.js';
import { containerMapOf, enforcerOn } from './control.js';
import { processorMilliseconds } from './processor-time.js';
import { mixedPolicy, POSTURES } from './rules.js';

/** Containers of a kind have rules of their own beside the policy that is applied, so each kind needs an image. */
const KINDS = 10;
const DELAY_RESOLUTION_MILLISECONDS = 1;

/** The cost of one call. */
export interface Applied {
  /** From the call to the last map update: the kernel waits until no decision in progress uses the old image. */
  readonly milliseconds: number;
  /** From the call until the kernel decides by the new image for one of the containers. */
  readonly decidedMilliseconds: number;
  /** Processor time of the whole process until the response. */
  readonly processorMilliseconds: number;
  /** Worst delay of the event loop meanwhile. */
  readonly stallMilliseconds: number;
}

export interface Load {
  readonly containers: number;
  /** How many rules the policy has; one more in every second pass. */
  readonly rules: number;
  /** How many rules containers of each kind have beside it. */
  readonly rulesOfKind: number;
}

/** The smallest load. */
export const ONE_RULE: Load = { containers: 1, rules: 1, rulesOfKind: 0 };

/**
 * Applies a policy to containers of ten kinds, again and again with other rules: by the daemon's one writer, warmed up as
 * the daemon is, with its store on disk and a hash of maps in this machine's kernel. Only programs that use it are missing.
 */
export async function* applying({ containers, rules, rulesOfKind }: Load, passes: number): AsyncGenerator<Applied> {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-bench-'));
  const object = new BenchObject();
  const store = await Store.open(directory);
  try {
    const map = containerMapOf(object);
    let decided = 0;
    let published = 0;
    const host = new HostSubject(undefined);
    const enforcement = new Enforcement(
      {
        ...enforcerOn(map),
        publish: async (entries: readonly PublishedContainer<KernelImage>[]) => {
          let isOver = false;
          const publishing = map.publish(entries).finally(() => {
            isOver = true;
          });
          while (!isOver && !map.holds(entries[0]!)) await setImmediate();
          decided = performance.now();
          await publishing;
          published = performance.now();
        },
      },
      { postures: POSTURES },
      new Map(),
      0,
      host,
    );
    const initial = { desired: desiredState(containers, rulesOfKind), revision: 0 };
    const nothing = () => undefined;
    const ledger = new Ledger(enforcement, store, initial, nothing, nothing);
    const registry = new PolicyRegistry(
      ledger,
      enforcement.rules,
      host,
      enforcement,
      new DryRunPool(),
      { warningsFor: () => [] },
      NO_HOST_FILES,
    );
    await ledger.start([]);
    await warmUp();
    const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MILLISECONDS });
    for (let pass = 0; pass < passes; pass++) {
      const manifest = toManifest(mixedPolicy('applied', rules + (pass % 2), { tier: 'front' }));
      // Reset, since work between the passes is not the daemon's.
      delays.reset();
      delays.enable();
      // Waits before and after, so that delays at the very beginning and end are measured.
      await sleep(2 * DELAY_RESOLUTION_MILLISECONDS);
      const processor = processorMilliseconds();
      const began = performance.now();
      const { result } = await registry.apply(registry.readManifest(manifest));
      const spent = processorMilliseconds() - processor;
      await sleep(2 * DELAY_RESOLUTION_MILLISECONDS);
      delays.disable();
      if (result[0]?.containerIds.length !== containers) throw new Error('the policy did not reach every container');
      yield {
        milliseconds: published - began,
        decidedMilliseconds: decided - began,
        processorMilliseconds: spent,
        // What the timer measures includes its own period.
        stallMilliseconds: delays.max / 1e6 - DELAY_RESOLUTION_MILLISECONDS,
      };
    }
    if (map.keys().length !== containers) throw new Error('the kernel does not hold every container');
    await ledger.stop();
  } finally {
    await store.close();
    object.close();
    rmSync(directory, { recursive: true });
  }
}

function desiredState(count: number, rulesOfKind: number) {
  const containers = Array.from({ length: count }, (_, index): Container => {
    const id = index.toString(16).padStart(64, '0');
    return {
      id,
      name: `container-${index}`,
      namespace: 'default',
      labels: { tier: 'front', kind: String(index % KINDS) },
      origin: 'registered',
      // Inode numbers of no namespace: no program looks them up.
      namespaces: { pidNamespace: index + 1, mountNamespace: index + 1 },
      links: {},
    };
  });
  const policies = Array.from({ length: KINDS }, (_, kind) =>
    mixedPolicy(`kind-${kind}`, rulesOfKind, { kind: String(kind) }),
  );
  return {
    ...NOTHING_DESIRED,
    policies: PolicySet.empty.with(policies),
    containers: new Map(containers.map((container) => [container.id, container])),
  };
}
