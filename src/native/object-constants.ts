import koffi from 'koffi';
import {
  checkedPointer,
  findMap,
  findType,
  initialValue,
  objectTypes,
  type Pointer,
  typeById,
  typeText,
} from './object-functions.js';

const SECTION = '.rodata';
/** include/uapi/linux/btf.h */
const KIND_DATASEC = 15;
const COUNT_MASK = 0xffff;
const TYPE_BYTES = 12;
const VARIABLE_BYTES = 12;

/**
 * Sets `const volatile __u32` variables of an object that is open and not loaded; the object's types say where each is.
 */
export function setConstants(object: Pointer, values: Readonly<Record<string, number>>): void {
  const types = checkedPointer('no types in the object', objectTypes(object));
  const memory = initialValue(checkedPointer('no constants in the object', findMap(object, SECTION)), [0]);
  const id = findType(types, SECTION, KIND_DATASEC);
  if (id <= 0) throw new Error('the types of the object say nothing of its constants');
  const section = checkedPointer(SECTION, typeById(types, id));
  const word = (pointer: Pointer, offset: number): number => koffi.decode(pointer, offset, 'uint32');
  const offsets = new Map<string, number>();
  for (let index = 0; index < (word(section, 4) & COUNT_MASK); index++) {
    const entry = TYPE_BYTES + index * VARIABLE_BYTES;
    const variable = checkedPointer(SECTION, typeById(types, word(section, entry)));
    offsets.set(typeText(types, word(variable, 0)), word(section, entry + 4));
  }
  for (const [name, value] of Object.entries(values)) {
    const offset = offsets.get(name);
    if (offset === undefined) throw new Error(`no constant ${name} in the object`);
    koffi.encode(memory, offset, 'uint32', value);
  }
}
