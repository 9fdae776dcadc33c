import { type MatchPart, NOTHING_GUARDED, type ObjectOfKind, type ObjectPart, type OfKind } from './part.js';
import { describeTypedPath, readTypedPath } from './places.js';

/** A file by its filesystem is `fa`, the type's name and the path. */
const START = 'fa';

export const filesystem: MatchPart<OfKind<'filesystem'>> = {
  add(automaton, { type }, mark) {
    automaton.markAll(automaton.literal(automaton.start, Buffer.from(`${START}${type}/`)), mark);
  },
  ...NOTHING_GUARDED,
};

export const filesystemObject: ObjectPart<ObjectOfKind<'filesystem'>> = {
  firstCharacter: START.charAt(0),
  read: (key) => (key.startsWith(START) ? { kind: 'filesystem', ...readTypedPath(key) } : undefined),
  write: ({ type, path }) => `${START}${type}${path}`,
  describe: describeTypedPath,
};
