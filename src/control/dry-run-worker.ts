import { compileImage } from '../image/compile.js';
import { suggestPolicy } from '../profile/suggest.js';
import { suggestionText } from '../profile/suggestion-text.js';
import type { DryRunJob, DryRunResult, SuggestionJob, SuggestionResult } from './dry-run-job.js';
import { REVIEW_MILLISECONDS } from './policy-review.js';
import { reviewerOf } from './reviewer.js';
import { serveJobs } from './thread-program.js';

/** Runs in a thread of its own: what a dry run compiles and compares must not hold up the daemon. */

serveJobs(function* (job: DryRunJob | SuggestionJob): Generator<never, DryRunResult | SuggestionResult, void> {
  if ('accesses' in job) {
    const suggestion = suggestPolicy(job.accesses, job.head);
    return { suggestion, text: suggestionText(suggestion) };
  }
  const { ruleSet, review } = job;
  const image = compileImage(ruleSet);
  if (review === undefined) return { image, reviews: [] };
  const reviewer = reviewerOf(ruleSet, image.decided, review.postures);
  const deadline = performance.now() + REVIEW_MILLISECONDS;
  const reviews = review.policies.map((policy) => (performance.now() > deadline ? undefined : reviewer.review(policy)));
  return { image, reviews };
});
