import * as disk from '../../disk-schema.js';
import { type MatchPart, NOTHING_GUARDED, type ObjectPart, type OfKind } from './part.js';

const KEY = 'ua';

export const namespace: MatchPart<OfKind<'namespace'>> = {
  add(automaton, _, mark) {
    automaton.addMark(automaton.literal(automaton.start, Buffer.from(KEY)), mark);
  },
  ...NOTHING_GUARDED,
};

/** A user namespace. */
export interface NamespaceObject {
  readonly kind: 'namespace';
}

export const namespaceObject: ObjectPart<NamespaceObject> = {
  onDisk: disk.ofKind('namespace'),
  firstCharacter: KEY.charAt(0),
  read: (key) => (key === KEY ? { kind: 'namespace' } : undefined),
  write: () => KEY,
  describe: () => 'user namespace',
};
