import type { MountMatch } from '../../policy/model.js';
import { has, NO_PATH, type ReadingPart } from './part.js';
import { detailOfPlace, isAtPlace, kindOfPlace, pathsAtPlace } from './paths.js';

export const mount: ReadingPart<MountMatch> = {
  ...NO_PATH,
  covers(match, object) {
    if (object.kind !== 'mount') return false;
    if (match.operation !== undefined && match.operation !== object.operation) return false;
    if (match.type !== undefined && match.type !== object.type) return false;
    return isAtPlace(match, object.path);
  },
  examples: (match) =>
    pathsAtPlace(match).map((path) => ({
      kind: 'mount',
      operation: match.operation ?? 'mount',
      type: match.type ?? '',
      path,
    })),
  kind: kindOfPlace,
  detail: (match) => [...detailOfPlace(match, [0]), has(match.type), has(match.operation)],
};
