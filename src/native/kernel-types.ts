import koffi from 'koffi';
import {
  checkedPointer,
  findType,
  freeTypes,
  loadKernelTypes,
  type Pointer,
  typeById,
  typeText,
} from './object-functions.js';

/** include/uapi/linux/btf.h */
const KIND_STRUCT = 4;
const KIND_ENUM = 6;
const KIND_FUNC = 12;
const COUNT_MASK = 0xffff;
const TYPE_BYTES = 12;
const MEMBER_BYTES = 12;
const ENUMERATOR_BYTES = 8;

const KEPT_MILLISECONDS = 5000;

/**
 * The types (BTF) of the running kernel. Vendors backport features to older kernels, so features are looked up here and
 * never derived from a version number.
 */
export class KernelTypes {
  static #kept: { readonly types: KernelTypes; readonly release: NodeJS.Timeout } | undefined;

  private constructor(private readonly types: Pointer) {}

  /**
   * Reading the types takes 20 ms, and a start needs them several times: they are kept until they have been unused for
   * some seconds.
   *
   * @throws KernelError when the kernel has no types
   */
  static use<T>(use: (types: KernelTypes) => T): T {
    KernelTypes.#kept ??= KernelTypes.#read();
    KernelTypes.#kept.release.refresh();
    return use(KernelTypes.#kept.types);
  }

  static #read() {
    const pointer = checkedPointer('cannot read the types of the kernel (BTF)', loadKernelTypes());
    const release = setTimeout(() => {
      KernelTypes.#kept = undefined;
      freeTypes(pointer);
    }, KEPT_MILLISECONDS).unref();
    return { types: new KernelTypes(pointer), release };
  }

  hasFunction(name: string): boolean {
    return findType(this.types, name, KIND_FUNC) > 0;
  }

  /** How many parameters a function has; 0 where there is none of that name. */
  parametersOf(name: string): number {
    const id = findType(this.types, name, KIND_FUNC);
    if (id <= 0) return 0;
    const type = checkedPointer(name, typeById(this.types, id));
    const prototype = checkedPointer(name, typeById(this.types, koffi.decode(type, 8, 'uint32')));
    return koffi.decode(prototype, 4, 'uint32') & COUNT_MASK;
  }

  /** Whether BPF programs can call it: `loop` for bpf_loop. */
  hasHelper(name: string): boolean {
    return this.#names('bpf_func_id', KIND_ENUM, ENUMERATOR_BYTES).has(`BPF_FUNC_${name}`);
  }

  hasMember(structure: string, member: string): boolean {
    return this.#names(structure, KIND_STRUCT, MEMBER_BYTES).has(member);
  }

  /** Names of the members or enumerators of a type; none where there is no such type. */
  #names(name: string, kind: number, entryBytes: number): Set<string> {
    const id = findType(this.types, name, kind);
    if (id <= 0) return new Set();
    const type = checkedPointer(name, typeById(this.types, id));
    const word = (offset: number): number => koffi.decode(type, offset, 'uint32');
    const names = new Set<string>();
    for (let index = 0; index < (word(4) & COUNT_MASK); index++) {
      names.add(typeText(this.types, word(TYPE_BYTES + index * entryBytes)));
    }
    return names;
  }
}
