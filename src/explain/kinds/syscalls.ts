import type { CallMatch } from '../../policy/model.js';
import { NO_PATH, type ReadingPart } from './part.js';
import { detailOfPlace, isAt, kindOfPlace, pathsAtPlace } from './paths.js';

export const call: ReadingPart<CallMatch> = {
  ...NO_PATH,
  covers: (match, object) => object.kind === 'call' && match.calls.includes(object.call) && isGiven(match, object.path),
  examples(match) {
    const [first] = match.calls;
    if (match.target === undefined) return [{ kind: 'call', call: first! }];
    return pathsAtPlace(match).map((path) => ({ kind: 'call', call: first!, path }));
  },
  kind: kindOfPlace,
  detail: (match) => detailOfPlace(match, []),
};

/** A rule without a path is about the call as it is made, one with a path about the path that it is given. */
function isGiven({ target }: CallMatch, path: Uint8Array | undefined): boolean {
  if (target === undefined) return path === undefined;
  return path !== undefined && isAt(target, path);
}
