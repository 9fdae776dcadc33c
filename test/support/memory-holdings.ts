import type { NamespacePair } from '../../src/containers/container.js';
import { namespaceKey } from '../../src/containers/container.js';
import type { HolderSearch } from '../../src/control/holder-search.js';
import type { HeldFile, Holding } from '../../src/kernel/holdings.js';

/** What the kernel would report processes, and what it is asked to refuse. */
export class MemoryHoldings {
  isAttached = false;
  held: Holding[] = [];
  passes = 0;
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

  async *find(containers: readonly NamespacePair[]): AsyncGenerator<Holding[]> {
    this.passes++;
    if (this.failure !== undefined) throw this.failure;
    const keys = new Set(containers.map(namespaceKey));
    yield this.held.filter((each) => keys.has(namespaceKey(each.container)));
  }
}
