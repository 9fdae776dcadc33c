import { type OfKind, ONE_THING, type ReadingPart } from './part.js';

export const filesystem: ReadingPart<OfKind<'filesystem'>> = {
  ...ONE_THING,
  covers: (match, object) => object.kind === 'filesystem' && object.type === match.type,
  examples: (match) => [{ kind: 'filesystem', type: match.type, path: Buffer.from('/x') }],
};
