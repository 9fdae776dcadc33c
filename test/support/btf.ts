import koffi from 'koffi';
import { checkedPointer, type Pointer } from '../../src/native/object-functions.js';

const libbpf = koffi.load('libbpf.so.1');
const parse = libbpf.func('btf *btf__parse(const char *path, void *extension)');
const findByName = libbpf.func('int btf__find_by_name_kind(btf *types, const char *name, uint32 kind)');
const typeById = libbpf.func('void *btf__type_by_id(btf *types, uint32 id)');
const nameByOffset = libbpf.func('const char *btf__name_by_offset(btf *types, uint32 offset)');

/** include/uapi/linux/btf.h */
const KIND_STRUCT = 4;
const KIND_ENUM = 6;
const TYPE_BYTES = 12;
const MEMBER_BYTES = 12;
const ENUMERATOR_BYTES = 8;
const COUNT_MASK = 0xffff;

/** The types in an object file. */
export class ObjectTypes {
  readonly #types: Pointer;

  constructor(path: string) {
    this.#types = checkedPointer(`read the types of ${path}`, parse(path, null));
  }

  /** Byte offsets of a structure's members, and its size as `size of structure`. */
  structure(name: string): Record<string, number> {
    const type = this.#find(name, KIND_STRUCT);
    const members: Record<string, number> = { 'size of structure': word(type, 8) };
    for (let index = 0; index < (word(type, 4) & COUNT_MASK); index++) {
      const at = TYPE_BYTES + index * MEMBER_BYTES;
      members[nameByOffset(this.#types, word(type, at))] = word(type, at + 8) / 8;
    }
    return members;
  }

  /** Values of an enumeration, unsigned. */
  enumeration(name: string): Record<string, number> {
    const type = this.#find(name, KIND_ENUM);
    const values: Record<string, number> = {};
    for (let index = 0; index < (word(type, 4) & COUNT_MASK); index++) {
      const at = TYPE_BYTES + index * ENUMERATOR_BYTES;
      values[nameByOffset(this.#types, word(type, at))] = word(type, at + 4);
    }
    return values;
  }

  #find(name: string, kind: number): Pointer {
    const id = findByName(this.#types, name, kind);
    if (id < 0) throw new Error(`no type ${name} in the object`);
    return checkedPointer(name, typeById(this.#types, id));
  }
}

function word(pointer: Pointer, offset: number): number {
  return koffi.decode(pointer, offset, 'uint32');
}
