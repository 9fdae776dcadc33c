import { choice, ofKind, text } from '../disk-schema.js';
import { OBJECTS } from './kinds/kinds.js';

/** The object of an access as it is stored, decoded. */
export const objectOnDisk = choice([
  ofKind('path', { path: text }),
  ...Object.values(OBJECTS).map(({ onDisk }) => onDisk),
]);
