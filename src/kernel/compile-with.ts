import { compileInSteps } from '../image/compile.js';
import type { Image } from '../image/image.js';
import { decidesFlag, HEADER } from '../image/layout.js';
import type { Limits } from '../image/limits.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { Steps } from '../steps.js';
import type { CompiledRules, EnforcedImage } from './enforcer.js';

/**
 * Compiles a rule set to the automaton of src/image.
 *
 * @param create gives the image to whatever decides by it
 */
export function* compileWith(
  ruleSet: RuleSet,
  create: (image: Image, imageId: number) => EnforcedImage,
  limits?: Partial<Limits>,
): Steps<CompiledRules> {
  const image = yield* compileInSteps(ruleSet, limits);
  return {
    rules: image.rules,
    decided: image.decided,
    decidesFiles: ((image.words[HEADER.decisions * 2] ?? 0) & decidesFlag('file')) !== 0,
    createImage: (imageId) => create(image, imageId),
  };
}
