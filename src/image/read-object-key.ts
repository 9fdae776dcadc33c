import { OBJECTS } from './kinds/kinds.js';
import type { ObjectPart } from './kinds/part.js';
import type { KeyObject, ReportedObject } from './reported-object.js';

/** Decodes the object keys that object-keys.ts describes and the kernel writes. */

/** By the first character. */
const PARTS: Readonly<Partial<Record<string, ObjectPart<KeyObject>>>> = Object.fromEntries(
  Object.values(OBJECTS).map((part) => [part.firstCharacter, part]),
);

/** What a path or an object key stands for. */
export function reportedObject(key: string): ReportedObject {
  return readObjectKey(key) ?? { kind: 'path', path: key };
}

/** What an object key stands for; undefined for a path. This is called for every event. */
export function readObjectKey(key: string): KeyObject | undefined {
  return PARTS[key.charAt(0)]?.read(key);
}
