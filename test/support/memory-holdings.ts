import type { NamespacePair } from '../../src/containers/container.js';
import { namespaceKey } from '../../src/containers/container.js';
import type { HolderSearch } from '../../src/control/holder-search.js';
import type { HeldFile, Holding } from '../../src/kernel/holdings.js';

/** What the kernel would report processes, and what it is asked to refuse. */
export class MemoryHoldings {
  isAttached = false;
  held: Holding[] = [];
  /** What is held as a pass, counted from 1, looks; the same in each when left out. */
  heldAt: (pass: number) => Holding[] = () => this.held;
  passes = 0;
  /** Of each pass, whether it has looked at mappings too. */
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
