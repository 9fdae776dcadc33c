import { Worker } from 'node:worker_threads';
import { Failure } from '../failure.js';
import { callerDisconnected } from '../time-slices.js';
import { NEXT_PART, type ThreadAnswer } from './thread-program.js';

/** Who asks for work. */
export interface Caller {
  /** Equal for all connections of one client. */
  readonly identity: string;
  /** Aborted when the client has gone or its deadline has passed. */
  readonly disconnected: AbortSignal;
}

/** Jobs of one client that may wait; with more it is asked to come again. */
const WAITING_MAX = 8;

/** Too many jobs of the client wait: it has to try again later. */
export class TooManyJobs extends Failure {}

interface WaitingJob<Job, Part, Result> {
  readonly job: Job;
  readonly caller: Caller;
  readonly onPart: (part: Part) => void;
  readonly settle: (answer: { readonly result: Result } | Failure) => void;
}

/**
 * Does jobs in one thread beside the daemon's own. Clients take turns, however many jobs each has waiting; a job whose
 * caller has gone is dropped, and ended if it runs.
 */
export class WorkThread<Job, Result, Part = never> {
  /** By client, in the order in which they take turns. */
  readonly #waiting = new Map<string, WaitingJob<Job, Part, Result>[]>();
  #worker: Worker | undefined;
  #running: WaitingJob<Job, Part, Result> | undefined;

  /**
   * @param program the path of what the thread runs: see thread-program.ts
   * @param what the jobs are called in messages
   */
  constructor(
    private readonly program: string,
    private readonly what: string,
  ) {}

  /**
   * @param onPart called with what the job tells before its result, each part in a turn of the event loop of its own
   * @throws Failure resource-exhausted when too many jobs of the client wait, unavailable when the caller has gone, and
   *   what the job throws
   */
  async run(job: Job, caller: Caller, onPart: (part: Part) => void = () => undefined): Promise<Result> {
    if (caller.disconnected.aborted) throw callerDisconnected();
    const queue = this.#waiting.get(caller.identity) ?? [];
    if (queue.length >= WAITING_MAX) {
      throw new TooManyJobs(
        'resource-exhausted',
        `${WAITING_MAX} ${this.what} of this client wait already; try again later`,
      );
    }
    let onAbort = () => {};
    const answer = await new Promise<{ readonly result: Result } | Failure>((resolve) => {
      const waiting = { job, caller, onPart, settle: resolve };
      onAbort = () => this.#drop(waiting);
      caller.disconnected.addEventListener('abort', onAbort);
      queue.push(waiting);
      this.#waiting.set(caller.identity, queue);
      this.#next();
    });
    caller.disconnected.removeEventListener('abort', onAbort);
    if (answer instanceof Failure) throw answer;
    return answer.result;
  }

  /** Whether the thread runs and has nothing to do. */
  get isIdle(): boolean {
    return this.#worker !== undefined && this.#running === undefined;
  }

  /** Ends the thread; jobs in the queue are refused. */
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
    // At the end of the list: the other clients come first.
    this.#waiting.delete(client);
    if (queue.length > 0) this.#waiting.set(client, queue);
    this.#worker ??= this.#startWorker();
    // Only a thread that works keeps the process alive.
    this.#worker.ref();
    this.#worker.postMessage({ job: this.#running.job });
  }

  #startWorker(): Worker {
    const worker = new Worker(this.program);
    worker.on('message', (answer: ThreadAnswer<Part, Result>) => {
      // Errors of a thread that was ended on purpose do not matter.
      if (this.#worker !== worker) return;
      if ('part' in answer) {
        this.#running?.onPart(answer.part);
        worker.postMessage(NEXT_PART);
      } else if ('result' in answer) {
        this.#settle(answer);
      } else {
        const { code, message, problems, stack } = answer.failure;
        this.#settle(new Failure(code, message, problems, { cause: stack }));
      }
    });
    worker.on('error', (error) => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#settle(new Failure('internal', 'internal error, see the log of hauberkd', [], { cause: error }));
    });
    return worker;
  }

  #settle(answer: { readonly result: Result } | Failure): void {
    const running = this.#running;
    this.#running = undefined;
    this.#worker?.unref();
    running?.settle(answer);
    this.#next();
  }

  #drop(waiting: WaitingJob<Job, Part, Result>): void {
    if (this.#running === waiting) {
      // Compiling cannot be interrupted: only ending its thread stops it.
      void this.#endWorker();
      this.#running = undefined;
    } else {
      const queue = this.#waiting.get(waiting.caller.identity)?.filter((each) => each !== waiting) ?? [];
      if (queue.length > 0) this.#waiting.set(waiting.caller.identity, queue);
      else this.#waiting.delete(waiting.caller.identity);
    }
    waiting.settle(callerDisconnected());
    this.#next();
  }

  async #endWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
