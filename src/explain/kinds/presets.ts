import type { PresetMatch } from '../../policy/model.js';
import { ONE_THING, type ReadingPart } from './part.js';
import { isAt } from './paths.js';

export const preset: ReadingPart<PresetMatch> = {
  ...ONE_THING,
  covers: (match, object) =>
    object.kind === 'behaviour' && object.presets.includes(match.preset) && !isExcepted(match, object.path),
  examples: (match) => [{ kind: 'behaviour', presets: [match.preset] }],
};

function isExcepted({ except = [] }: PresetMatch, path: Uint8Array | undefined): boolean {
  return path !== undefined && except.some((place) => isAt(place, path));
}
