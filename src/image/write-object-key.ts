import { partOfObject } from './kinds/kinds.js';
import type { ReportedObject } from './reported-object.js';

/** The path or object key by which an image decides about an object, as the kernel writes it. */
export function writeObjectKey(object: ReportedObject): string {
  return object.kind === 'path' ? object.path : partOfObject(object).write(object);
}
