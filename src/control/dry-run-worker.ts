import { compileImage } from '../image/compile.js';
import type { DryRunJob, DryRunResult } from './dry-run-job.js';
import { reviewerOf } from './reviewer.js';
import { serveJobs } from './thread-program.js';

/** Runs in a thread of its own: what a dry run compiles and compares must not hold up the daemon. */

serveJobs(function* ({ ruleSet, review }: DryRunJob): Generator<never, DryRunResult, void> {
  const image = compileImage(ruleSet);
  if (review === undefined) return { image, reviews: [] };
  const reviewer = reviewerOf(ruleSet, image.decided, review.postures);
  return { image, reviews: review.policies.map((policy) => reviewer.review(policy)) };
});
