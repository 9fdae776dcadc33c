import { type OfKind, ONE_THING, type ReadingPart } from './part.js';

export const namespace: ReadingPart<OfKind<'namespace'>> = {
  ...ONE_THING,
  covers: (_, object) => object.kind === 'namespace',
  examples: () => [{ kind: 'namespace' }],
};
