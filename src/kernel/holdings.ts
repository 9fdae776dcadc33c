import type { NamespacePair } from '../containers/container.js';
import { VERDICT_RULE_MASK } from '../image/layout.js';
import { checked } from '../native/kernel-error.js';
import { BPF_ANY, updateElement } from '../native/libbpf.js';
import { closeDescriptor } from '../native/libc.js';
import { linkIterator, readPass } from './iterators.js';
import {
  CONTAINER_KEY_BYTES,
  containerIn,
  containerKey,
  deleteIfPresent,
  keysOf,
  putContainer,
} from './map-elements.js';
import type { OnDemandProgram } from './on-demand.js';

/** Order of enum holding_kind in bpf/include/holding.h. */
export const HOLDING_KINDS = ['descriptor', 'mapping', 'ring'] as const;

/** struct holding of bpf/include/holding.h (a test compares them). */
export const HOLDING = {
  file: 0,
  pid_namespace: 8,
  mount_namespace: 12,
  image_id: 16,
  verdict: 20,
  host_pid: 24,
  kind: 28,
  object_bytes: 32,
  program_bytes: 36,
} as const;
export const HOLDING_BYTES = 40;
/** struct held_key there. */
export const HELD_KEY = { container: 0, file: 8 } as const;
export const HELD_KEY_BYTES = 16;
/** Stands for every file of a container. */
export const EVERY_FILE = 0n;

/** Programs that search, and the place among them of the one for mappings. */
const SEARCHES = 3;
const MAPPINGS = SEARCHES - 1;
const CHUNK_BYTES = 64 * 1024;
const ONE = Uint8Array.of(1);

/** Something that a process of a container has although the container's rules refuse it. */
export interface Holding {
  /** An io_uring ring is not refused by a rule: it may have registered files that cannot be seen. */
  readonly kind: (typeof HOLDING_KINDS)[number];
  readonly container: NamespacePair;
  /** Identifies an open file while it is open. */
  readonly file: bigint;
  /** Which image refuses it, by which rule. */
  readonly imageId: number;
  readonly rule: number;
  /** As the host numbers it. */
  readonly hostPid: number;
  readonly path: string;
  readonly program: string;
}

/** An open file that is decided once more as it is used, or EVERY_FILE of a container. */
export type HeldFile = Pick<Holding, 'container' | 'file'>;

interface Programs {
  readonly held: OnDemandProgram | undefined;
  /** Of descriptors, of rings and, last, of mappings. */
  readonly searches: readonly number[];
  readonly maps: { readonly searched: number; readonly held: number };
}

/** Finds and marks, in the kernel, what processes hold from before the rules that refuse it. */
export class Holdings {
  constructor(readonly programs: Programs) {}

  get isAttached(): boolean {
    return this.programs.held?.link !== undefined;
  }

  /** Lets open files that are marked be decided at every use. @throws if the kernel rejects the program */
  attach(): void {
    if (this.programs.held === undefined)
      throw new Error('this kernel does not take the program that refuses their use');
    this.programs.held.attach();
  }

  detach(): Promise<void> {
    return this.programs.held?.detachAsync() ?? Promise.resolve();
  }

  /** What is marked, also by an earlier daemon. */
  marked(): HeldFile[] {
    return Array.from(keysOf('cannot list held files', this.programs.maps.held, HELD_KEY_BYTES), (key) => ({
      container: containerIn(key),
      file: key.readBigUInt64LE(HELD_KEY.file),
    }));
  }

  /** @throws KernelError when the map is full */
  mark(held: HeldFile): void {
    checked('cannot mark a held file', updateElement(this.programs.maps.held, heldKey(held), ONE, BPF_ANY));
  }

  unmark(held: HeldFile): void {
    deleteIfPresent('cannot forget a held file', this.programs.maps.held, heldKey(held));
  }

  /**
   * Goes once through the processes of these containers. The kernel does so off the main thread, and what is found
   * comes in pieces. Not to be called while another search is under way.
   *
   * @param withMappings whether memory is looked at too, of which every process of the machine has many pieces
   * @throws also if the kernel rejects a program that searches
   */
  async *find(containers: readonly NamespacePair[], withMappings: boolean): AsyncGenerator<Holding[]> {
    const { searched } = this.programs.maps;
    if (this.programs.searches.length < SEARCHES)
      throw new Error('this kernel does not take the programs that search processes');
    // Left by a daemon that died while searching.
    for (const key of keysOf('cannot list searched containers', searched, CONTAINER_KEY_BYTES))
      deleteIfPresent('cannot end a search', searched, key);
    for (const container of containers)
      checked('cannot search a container', updateElement(searched, containerKey(container), ONE, BPF_ANY));
    try {
      for (const program of this.programs.searches.slice(0, withMappings ? SEARCHES : MAPPINGS)) yield* findBy(program);
    } finally {
      for (const container of containers) deleteIfPresent('cannot end a search', searched, containerKey(container));
    }
  }
}

async function* findBy(program: number): AsyncGenerator<Holding[]> {
  const link = linkIterator(program);
  try {
    let rest: Buffer = Buffer.alloc(0);
    for await (const chunk of readPass(link, CHUNK_BYTES)) {
      const bytes = Buffer.concat([rest, chunk]);
      const { holdings, read } = decodeHoldings(bytes);
      rest = bytes.subarray(read);
      yield holdings;
    }
  } finally {
    closeDescriptor(link);
  }
}

/** Decodes records that stand one behind the other; the last may be incomplete. @returns them, and how far they go */
export function decodeHoldings(bytes: Buffer): { holdings: Holding[]; read: number } {
  const holdings: Holding[] = [];
  let read = 0;
  while (read + HOLDING_BYTES <= bytes.length) {
    const number = (member: keyof typeof HOLDING) => bytes.readUInt32LE(read + HOLDING[member]);
    const pathAt = read + HOLDING_BYTES;
    const programAt = pathAt + number('object_bytes');
    const end = programAt + number('program_bytes');
    if (end > bytes.length) break;
    holdings.push({
      kind: HOLDING_KINDS[number('kind')]!,
      container: containerIn(bytes.subarray(read + HOLDING.pid_namespace)),
      file: bytes.readBigUInt64LE(read + HOLDING.file),
      imageId: number('image_id'),
      rule: number('verdict') & VERDICT_RULE_MASK,
      hostPid: number('host_pid'),
      path: bytes.toString('utf8', pathAt, programAt),
      program: bytes.toString('utf8', programAt, end),
    });
    read = end;
  }
  return { holdings, read };
}

function heldKey({ container, file }: HeldFile): Buffer {
  const key = Buffer.alloc(HELD_KEY_BYTES);
  putContainer(key, container);
  key.writeBigUInt64LE(file, HELD_KEY.file);
  return key;
}
