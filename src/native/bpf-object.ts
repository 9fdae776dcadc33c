import { checked } from './kernel-error.js';
import { setConstants } from './object-constants.js';
import {
  attachLsm,
  checkedPointer,
  closeObject,
  destroyLink,
  findMap,
  loadObject,
  mapDescriptor,
  mapEntries,
  mapFlags,
  mapKeyBytes,
  mapType,
  mapValueBytes,
  nextMap,
  nextProgram,
  openObject,
  type Pointer,
  pinLink,
  pinProgram,
  programName,
  programSection,
  setAutoload,
  setLogBuffer,
  setPinPath,
} from './object-functions.js';

/** A file of BPF programs and maps that is open. Each method throws a KernelError where libbpf refuses. */
export class BpfObject {
  private constructor(private readonly pointer: Pointer) {}

  static open(path: string): BpfObject {
    return new BpfObject(checkedPointer(`cannot open ${path}`, openObject(path, null)));
  }

  /** They are valid until the object is closed. */
  *programs(): Generator<BpfProgram> {
    for (let each = nextProgram(this.pointer, null); each !== null; each = nextProgram(this.pointer, each))
      yield new BpfProgram(each);
  }

  /** Sets `const volatile __u32` variables, before the object is loaded. */
  setConstants(values: Readonly<Record<string, number>>): void {
    setConstants(this.pointer, values);
  }

  /** What a pinned map must have in common with a map of this object to be taken for it: its type, sizes and flags. */
  mapSizes(name: string): readonly number[] {
    const map = this.#map(name);
    return [mapType, mapKeyBytes, mapValueBytes, mapEntries, mapFlags].map((read) => read(map));
  }

  /** Where loading pins a map, or finds one that is pinned. */
  setMapPin(name: string, path: string): void {
    checked(`cannot pin map ${name}`, setPinPath(this.#map(name), path));
  }

  /** The descriptor of a map, once the object is loaded and until it is closed. */
  mapDescriptor(name: string): number {
    return checked(`no map ${name}`, mapDescriptor(this.#map(name)));
  }

  /** Those of all maps that were made. */
  mapDescriptors(): number[] {
    const descriptors: number[] = [];
    for (let map = nextMap(this.pointer, null); map !== null; map = nextMap(this.pointer, map))
      descriptors.push(mapDescriptor(map));
    return descriptors.filter((descriptor) => descriptor >= 0);
  }

  /** @returns 0, or -errno: which program was refused is in the warnings of libbpf */
  load(): number {
    return loadObject(this.pointer);
  }

  close(): void {
    closeObject(this.pointer);
  }

  #map(name: string): Pointer {
    return checkedPointer(`no map ${name} in the object`, findMap(this.pointer, name));
  }
}

/** A program of an object that is open. */
export class BpfProgram {
  readonly name: string;
  readonly section: string;
  readonly #pointer: Pointer;

  constructor(pointer: Pointer) {
    this.#pointer = pointer;
    this.name = programName(pointer);
    this.section = programSection(pointer);
  }

  /** What comes after the kind of program in the name of its section. */
  get hook(): string {
    return this.section.slice(this.section.indexOf('/') + 1);
  }

  /** Whether it is to be loaded with its object. */
  select(isSelected: boolean): void {
    checked(`cannot select ${this.name}`, setAutoload(this.#pointer, isSelected));
  }

  /** @param log where the verifier writes; it must live until the object is loaded */
  keepLog(log: Buffer): void {
    checked(`cannot keep the log of ${this.name}`, setLogBuffer(this.#pointer, log, log.length));
  }

  pin(path: string): void {
    checked(`cannot pin ${this.name}`, pinProgram(this.#pointer, path));
  }

  attach(): BpfLink {
    return new BpfLink(this.name, checkedPointer(`the kernel does not attach ${this.name}`, attachLsm(this.#pointer)));
  }
}

/** Keeps a program attached while it is pinned, or in this process. */
export class BpfLink {
  readonly #pointer: Pointer;

  constructor(
    private readonly program: string,
    pointer: Pointer,
  ) {
    this.#pointer = pointer;
  }

  pin(path: string): void {
    checked(`cannot pin ${this.program}`, pinLink(this.#pointer, path));
  }

  /** Leaves it to its pin. */
  destroy(): void {
    destroyLink(this.#pointer);
  }
}
