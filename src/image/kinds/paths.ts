import type { NameMatch, PathMatch } from '../../policy/model.js';
import { addCalled } from '../object-keys.js';
import { addPath } from '../paths.js';
import { type MatchPart, NOTHING_GUARDED } from './part.js';

/** What is matched by its path, which is no object key. */

const SLASH = Buffer.from('/');

export const path: MatchPart<PathMatch> = {
  add: (automaton, match, mark) => addPath(automaton, automaton.start, match, mark),
  ...NOTHING_GUARDED,
};

export const name: MatchPart<NameMatch> = {
  add(automaton, match, mark) {
    if (match.of !== undefined) {
      addCalled(automaton, match.name, match.of, mark);
      return;
    }
    const root = automaton.literal(automaton.start, SLASH);
    const below = automaton.literal(automaton.run(root, true), SLASH);
    const name = Buffer.from(match.name);
    for (const from of [root, below]) automaton.addMark(automaton.literal(from, name), mark);
  },
  ...NOTHING_GUARDED,
};
