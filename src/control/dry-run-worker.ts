import { parentPort } from 'node:worker_threads';
import { Failure } from '../failure.js';
import { compileImage } from '../image/compile.js';
import type { DryRunAnswer, DryRunJob } from './dry-run-job.js';
import { reviewerOf } from './reviewer.js';

/** Runs in a thread of its own: what a dry run compiles and compares must not hold up the daemon. */

parentPort!.on('message', (job: DryRunJob) => {
  parentPort!.postMessage(answer(job));
});

function answer(job: DryRunJob): DryRunAnswer {
  try {
    return { result: work(job) };
  } catch (thrown) {
    const { code, message, problems, cause } = Failure.from(thrown);
    return { failure: { code, message, problems, ...(cause instanceof Error && { stack: cause.stack }) } };
  }
}

function work({ ruleSet, review }: DryRunJob): NonNullable<DryRunAnswer['result']> {
  const image = compileImage(ruleSet);
  if (review === undefined) return { image, reviews: [] };
  const reviewer = reviewerOf(ruleSet, image.decided, review.postures);
  return { image, reviews: review.policies.map((policy) => reviewer.review(policy)) };
}
