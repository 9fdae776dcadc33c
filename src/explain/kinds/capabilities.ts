import { type OfKind, ONE_THING, type ReadingPart } from './part.js';

export const capability: ReadingPart<OfKind<'capability'>> = {
  ...ONE_THING,
  covers: (match, object) => object.kind === 'capability' && object.capability === match.capability,
  examples: (match) => [{ kind: 'capability', capability: match.capability }],
};
