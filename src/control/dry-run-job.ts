import type { Review } from '../explain/review.js';
import type { Image } from '../image/image.js';
import type { Limits } from '../image/limits.js';
import type { Policy, Postures } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import type { Suggestion, SuggestOptions } from '../profile/suggest.js';

/** What is asked of the thread that does dry runs: to compile a rule set and, if need be, to review policies in it. */
export interface DryRunJob {
  readonly ruleSet: RuleSet;
  /** See LiveImages. */
  readonly limits?: Partial<Limits>;
  readonly review?: { readonly postures: Postures; readonly policies: readonly Policy[] };
  /** The image is not sent back. */
  readonly isOnlyCheck?: boolean;
}

/** What is asked of it for a profile: a policy that allows what was learnt. */
export interface SuggestionJob {
  readonly accesses: readonly ObservedAccess[];
  readonly head: SuggestOptions;
}

export interface SuggestionResult {
  readonly suggestion: Suggestion;
  /** As a manifest. */
  readonly text: string;
}

/** Of a job that only checks. */
export interface CheckResult {
  /** In the order of the policies to review; undefined for those there was no time for. */
  readonly reviews: readonly (Review | undefined)[];
}

export interface DryRunResult extends CheckResult {
  readonly image: Image;
}
