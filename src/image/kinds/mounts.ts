import * as disk from '../../disk-schema.js';
import { MOUNT_OPERATIONS, type MountMatch, type MountOperation } from '../../policy/model.js';
import type { MatchPart, ObjectPart } from './part.js';
import {
  addGuardedPlace,
  addOperation,
  addPlace,
  describeTypedPath,
  operationDigit,
  readOperation,
  readTypedPath,
} from './places.js';

/** A mount is `m`, whether it is made (`a`) or removed (`b`), the type's name, which may be empty, and the path. */
const FIRST_CHARACTER = 'm';

export const mount: MatchPart<MountMatch> = {
  add(automaton, match, mark) {
    const made = addOperation(automaton, FIRST_CHARACTER, MOUNT_OPERATIONS, match.operation);
    const typed =
      match.type === undefined ? automaton.run(made, false) : automaton.literal(made, Buffer.from(match.type));
    addPlace(automaton, typed, match, mark);
  },
  addGuarded: addGuardedPlace,
};

/** `type` is empty where the call names none. */
export interface MountObject {
  readonly kind: 'mount';
  readonly operation: MountOperation;
  readonly type: string;
  readonly path: string;
}

export const mountObject: ObjectPart<MountObject> = {
  onDisk: disk.ofKind('mount', { operation: disk.oneOf(MOUNT_OPERATIONS), type: disk.text, path: disk.text }),
  firstCharacter: FIRST_CHARACTER,
  read(key) {
    const operation = readOperation(MOUNT_OPERATIONS, key);
    return operation && { kind: 'mount', operation, ...readTypedPath(key) };
  },
  write: ({ operation, type, path }) =>
    `${FIRST_CHARACTER}${operationDigit(MOUNT_OPERATIONS, operation)}${type}${path}`,
  describe: describeTypedPath,
};
