import { compileImage } from '../image/compile.js';
import { suggestPolicy } from '../profile/suggest.js';
import { suggestionText } from '../profile/suggestion-text.js';
import type { CheckResult, DryRunJob, DryRunResult, SuggestionJob, SuggestionResult } from './dry-run-job.js';
import { REVIEW_MILLISECONDS } from './policy-review.js';
import { reviewerOf } from './reviewer.js';
import { serveJobs } from './thread-program.js';

/** Runs in a thread of its own: what a dry run compiles and compares must not hold up the daemon. */

type Result = CheckResult | DryRunResult | SuggestionResult;

serveJobs(function* (job: DryRunJob | SuggestionJob): Generator<never, Result, void> {
  if ('accesses' in job) {
    const suggestion = suggestPolicy(job.accesses, job.head);
    return { suggestion, text: suggestionText(suggestion) };
  }
  const { ruleSet, limits, review, isOnlyCheck = false } = job;
  const image = compileImage(ruleSet, limits);
  const made = isOnlyCheck ? {} : { image };
  if (review === undefined) return { ...made, reviews: [] };
  const reviewer = reviewerOf(ruleSet, image.decided, review.postures);
  const deadline = performance.now() + REVIEW_MILLISECONDS;
  const reviews = review.policies.map((policy) => (performance.now() > deadline ? undefined : reviewer.review(policy)));
  return { ...made, reviews };
});
