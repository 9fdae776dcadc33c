import { Worker } from 'node:worker_threads';
import { threadProgram } from '../built-files.js';
import { Failure } from '../failure.js';
import type { DryRunAnswer, DryRunJob } from './dry-run-job.js';

/** Who asks for a dry run. */
export interface Caller {
  /** Equal for all connections of one client. */
  readonly identity: string;
  /** Aborted when the client has gone or its time is over. */
  readonly gone: AbortSignal;
}

/** Jobs of one client that may wait; with more it is asked to come again. */
const WAITING_MAX = 8;

/** So many jobs of the client wait that it has to come again. */
export class TooManyDryRuns extends Failure {}

interface WaitingJob {
  readonly job: DryRunJob;
  readonly caller: Caller;
  readonly settle: (answer: DryRunAnswer | Failure) => void;
}

/**
 * Does the compiling and comparing of dry runs in one thread beside the daemon's own. Clients take turns, whatever each
 * has waiting; a job whose caller has gone is dropped, and ended if it runs.
 */
export class DryRunPool {
  /** By client, in the order in which they take turns. */
  readonly #waiting = new Map<string, WaitingJob[]>();
  #worker: Worker | undefined;
  #running: WaitingJob | undefined;

  /**
   * @throws Failure resource-exhausted when too many jobs of the client wait, unavailable when the caller has gone, and
   *   what compiling throws
   */
  async run(job: DryRunJob, caller: Caller): Promise<NonNullable<DryRunAnswer['result']>> {
    if (caller.gone.aborted) throw gone();
    const queue = this.#waiting.get(caller.identity) ?? [];
    if (queue.length >= WAITING_MAX) {
      throw new TooManyDryRuns(
        'resource-exhausted',
        `${WAITING_MAX} dry runs of this client wait already; try again later`,
      );
    }
    let onGone = () => {};
    const answer = await new Promise<DryRunAnswer | Failure>((resolve) => {
      const waiting: WaitingJob = { job, caller, settle: resolve };
      onGone = () => this.#drop(waiting);
      caller.gone.addEventListener('abort', onGone);
      queue.push(waiting);
      this.#waiting.set(caller.identity, queue);
      this.#next();
    });
    caller.gone.removeEventListener('abort', onGone);
    if (answer instanceof Failure) throw answer;
    if (answer.result !== undefined) return answer.result;
    const { code, message, problems, stack } = answer.failure!;
    throw new Failure(code, message, problems, { cause: stack });
  }

  /** Ends the thread; jobs that wait are refused. */
  async close(): Promise<void> {
    const left = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    if (this.#running !== undefined) left.push(this.#running);
    this.#running = undefined;
    for (const { settle } of left) settle(new Failure('unavailable', 'hauberkd is stopping'));
    await this.#endWorker();
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const [client, queue] = [...this.#waiting].find(([, jobs]) => jobs.length > 0) ?? [];
    if (client === undefined || queue === undefined) return;
    this.#running = queue.shift()!;
    // To the end: the others are next.
    this.#waiting.delete(client);
    if (queue.length > 0) this.#waiting.set(client, queue);
    this.#worker ??= this.#startWorker();
    // Only a thread that works keeps the process alive.
    this.#worker.ref();
    this.#worker.postMessage(this.#running.job);
  }

  #startWorker(): Worker {
    const worker = new Worker(threadProgram('control/dry-run-worker'));
    // A thread that was ended has nothing more to say.
    worker.on('message', (answer: DryRunAnswer) => {
      if (this.#worker === worker) this.#settle(answer);
    });
    worker.on('error', (error) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#settle(new Failure('internal', 'internal error, see the log of hauberkd', [], { cause: error }));
    });
    return worker;
  }

  #settle(answer: DryRunAnswer | Failure): void {
    const running = this.#running;
    this.#running = undefined;
    this.#worker?.unref();
    running?.settle(answer);
    this.#next();
  }

  #drop(waiting: WaitingJob): void {
    if (this.#running === waiting) {
      // Compiling does not look up: only the end of its thread ends it.
      void this.#endWorker();
      this.#running = undefined;
    } else {
      const queue = this.#waiting.get(waiting.caller.identity)?.filter((each) => each !== waiting) ?? [];
      if (queue.length > 0) this.#waiting.set(waiting.caller.identity, queue);
      else this.#waiting.delete(waiting.caller.identity);
    }
    waiting.settle(gone());
    this.#next();
  }

  async #endWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

function gone(): Failure {
  return new Failure('unavailable', 'the caller has gone');
}
