import type { NamespacePair } from '../../src/containers/container.js';
import { namespaceKey } from '../../src/containers/container.js';
import type { HolderSearch } from '../../src/control/holder-search.js';
import type { HeldFile, Holding } from '../../src/kernel/holdings.js';

/** An open file that a process of a container holds. */
export const HELD_FILE: Holding = {
  kind: 'descriptor',
  container: { pidNamespace: 3, mountNamespace: 4 },
  file: 0xffff888012345678n,
  imageId: 1,
  rule: 0,
  hostPid: 77,
  path: '/etc/shadow',
  program: '/bin/cat',
};

/** Simulates what the kernel reports processes to hold, and records what it is to refuse. */
export class MemoryHoldings {
  isAttached = false;
  held: Holding[] = [];
  /** What a pass, counted from 1, finds; by default the same in each. */
  heldAt: (pass: number) => Holding[] = () => this.held;
  passes = 0;
  /** Whether each pass has examined mappings too. */
  readonly withMappings: boolean[] = [];
  failure: Error | undefined;
  readonly marks = new Set<bigint>();
  readonly kernel: HolderSearch['kernel'] = {
    holdings: this,
    refuseHeld: async (isNeeded: boolean) => {
      this.isAttached = isNeeded;
    },
  };

  /** @param container the one that holds what is marked */
  constructor(readonly container: NamespacePair) {}

  marked(): HeldFile[] {
    return [...this.marks].map((file) => ({ container: this.container, file }));
  }

  mark({ file }: HeldFile): void {
    this.marks.add(file);
  }

  unmark({ file }: HeldFile): void {
    this.marks.delete(file);
  }

  async *find(containers: readonly NamespacePair[], withMappings: boolean): AsyncGenerator<Holding[]> {
    this.passes++;
    this.withMappings.push(withMappings);
    if (this.failure !== undefined) throw this.failure;
    const keys = new Set(containers.map(namespaceKey));
    yield this.heldAt(this.passes).filter((each) => keys.has(namespaceKey(each.container)));
  }
}
