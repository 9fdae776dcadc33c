import { parentPort } from 'node:worker_threads';
import { Failure, type FailureCode, type Problem } from '../failure.js';

/** Asks for the next part: they come one by one, so that none waits in the same turn of the event loop as another. */
export const NEXT_PART = 'next';

/** What a thread answers to a job: parts, then one of the others. */
export type ThreadAnswer<Part, Result> =
  | { readonly part: Part }
  | { readonly result: Result }
  | {
      readonly failure: {
        readonly code: FailureCode;
        readonly message: string;
        readonly problems: readonly Problem[];
        readonly stack?: string | undefined;
      };
    };

/** To be called by the program of a thread. @param work yields parts and returns the result; throws Failures */
export function serveJobs<Job, Part, Result>(work: (job: Job) => Generator<Part, Result, void>): void {
  let current: Generator<Part, Result, void>;
  parentPort!.on('message', (message: typeof NEXT_PART | { readonly job: Job }) => {
    if (message !== NEXT_PART) current = work(message.job);
    parentPort!.postMessage(goOn(current));
  });
}

function goOn<Part, Result>(steps: Generator<Part, Result, void>): ThreadAnswer<Part, Result> {
  try {
    const { done, value } = steps.next();
    return done === true ? { result: value } : { part: value };
  } catch (thrown) {
    const { code, message, problems, cause } = Failure.from(thrown);
    return { failure: { code, message, problems, ...(cause instanceof Error && { stack: cause.stack }) } };
  }
}
