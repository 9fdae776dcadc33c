import { type MatchPart, NOTHING_GUARDED, type ObjectOfKind, type ObjectPart, type OfKind } from './part.js';

/** A user namespace. */
const KEY = 'ua';

export const namespace: MatchPart<OfKind<'namespace'>> = {
  add(automaton, _, mark) {
    automaton.addMark(automaton.literal(automaton.start, Buffer.from(KEY)), mark);
  },
  ...NOTHING_GUARDED,
};

export const namespaceObject: ObjectPart<ObjectOfKind<'namespace'>> = {
  firstCharacter: KEY.charAt(0),
  read: (key) => (key === KEY ? { kind: 'namespace' } : undefined),
  write: () => KEY,
  describe: () => 'user namespace',
};
