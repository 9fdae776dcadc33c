import * as disk from '../../disk-schema.js';
import { type MatchPart, NOTHING_GUARDED, type ObjectPart, type OfKind } from './part.js';
import { describeTypedPath, readTypedPath } from './places.js';

/** A file by its filesystem is `fa`, the type's name and the path. */
const START = 'fa';

export const filesystem: MatchPart<OfKind<'filesystem'>> = {
  add(automaton, { type }, mark) {
    automaton.markAll(automaton.literal(automaton.start, Buffer.from(`${START}${type}/`)), mark);
  },
  ...NOTHING_GUARDED,
};

export interface FilesystemObject {
  readonly kind: 'filesystem';
  readonly type: string;
  readonly path: string;
}

export const filesystemObject: ObjectPart<FilesystemObject> = {
  onDisk: disk.ofKind('filesystem', { type: disk.text, path: disk.text }),
  firstCharacter: START.charAt(0),
  read: (key) => (key.startsWith(START) ? { kind: 'filesystem', ...readTypedPath(key) } : undefined),
  write: ({ type, path }) => `${START}${type}${path}`,
  describe: describeTypedPath,
};
