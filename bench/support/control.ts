import { ContainerRegistry } from '../../src/control/container-registry.js';
import { NOTHING_DESIRED } from '../../src/control/desired-state.js';
import { Enforcement } from '../../src/control/enforcement.js';
import { HostSubject } from '../../src/control/host-subject.js';
import { Ledger } from '../../src/control/ledger.js';
import { isWithinLimits } from '../../src/image/compile.js';
import { ContainerMap, compileForKernel, releaseKernelImage } from '../../src/kernel/images.js';
import { PolicySet } from '../../src/policy/policy-set.js';
import type { Store } from '../../src/store/store.js';
import type { BenchObject } from './bench-object.js';
import { mixedPolicy, POSTURES } from './rules.js';

const RULES = 20;
/** The labels of containers that the policy selects. */
export const SELECTED = { tier: 'front' } as const;

/** What decides for containers, in this machine's kernel. */
export function containerMapOf(object: BenchObject): ContainerMap {
  return new ContainerMap(object.map('containers'), object.map('container_starts'), object.map('container_roots'));
}

/** An enforcer of which only that map is in the kernel. */
export function enforcerOn(map: ContainerMap) {
  return {
    compile: compileForKernel,
    fits: isWithinLimits,
    releaseImage: releaseKernelImage,
    enforceHost: () => undefined,
    observeCalls: () => undefined,
    readAnswers: async () => undefined,
    markTasksInside: async () => 0,
    publish: map.publish.bind(map),
    removeContainers: map.remove.bind(map),
    containers: () => map.keys(),
  };
}

/** The daemon's one writer, with one policy in force. */
export function controlOn(map: ContainerMap, store: Store) {
  const settings = { postures: POSTURES };
  const enforcement = new Enforcement(enforcerOn(map), settings, new Map(), 0, new HostSubject(undefined));
  const policies = PolicySet.empty.with([mixedPolicy('applied', RULES, SELECTED)]);
  const ignore = () => undefined;
  const initial = { desired: { ...NOTHING_DESIRED, policies }, revision: 0 };
  const ledger = new Ledger(enforcement, store, initial, ignore, ignore);
  return { ledger, registry: new ContainerRegistry(ledger, enforcement, settings) };
}
