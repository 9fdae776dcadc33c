import type { TraceMatch } from '../../policy/model.js';
import { has, NO_PATH, type ReadingPart } from './part.js';
import { detailOfPlace, isAtPlace, kindOfPlace, pathsAtPlace } from './paths.js';

export const trace: ReadingPart<TraceMatch> = {
  ...NO_PATH,
  covers: (match, object) =>
    object.kind === 'trace' &&
    (match.operation ?? object.operation) === object.operation &&
    isAtPlace(match, object.path),
  examples: (match) =>
    pathsAtPlace(match).map((path) => ({ kind: 'trace', operation: match.operation ?? 'read', path })),
  kind: kindOfPlace,
  detail: (match) => [...detailOfPlace(match, [0]), 0, has(match.operation)],
};
