import type { Review } from '../explain/review.js';
import type { FailureCode, Problem } from '../failure.js';
import type { Image } from '../image/image.js';
import type { Policy, Postures } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';

/** What is asked of the thread that does dry runs: to compile a rule set and, if need be, to review policies in it. */
export interface DryRunJob {
  readonly ruleSet: RuleSet;
  readonly review?: { readonly postures: Postures; readonly policies: readonly Policy[] };
}

/** One of the two is there. */
export interface DryRunAnswer {
  readonly result?: {
    readonly image: Image;
    /** In the order of the policies that were to be reviewed. */
    readonly reviews: readonly Review[];
  };
  readonly failure?: {
    readonly code: FailureCode;
    readonly message: string;
    readonly problems: readonly Problem[];
    readonly stack?: string | undefined;
  };
}
