import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchObject } from '../support/bench-object.js';
import { monotonicMilliseconds } from './clock.js';
import type {
  ClientRequest,
  ClientSettings,
  Produced,
  ProduceRequest,
  Received,
  ServerReady,
  ServerReport,
} from './messages.js';

const QUIET_MILLISECONDS = 2000;
const POLL_MILLISECONDS = 100;
const STANDARD_ERROR = 2;

/** A process that answers messages one after the other. Its standard output goes to standard error. */
class Helper {
  readonly #process: ChildProcess;

  constructor(
    readonly script: string,
    parameters: readonly string[],
    descriptors: readonly number[],
  ) {
    this.#process = fork(new URL(script, import.meta.url), parameters, {
      stdio: ['ignore', STANDARD_ERROR, STANDARD_ERROR, 'ipc', ...descriptors],
    });
  }

  /** The next message; a rejection when the process ends instead. */
  receive<Message>(): Promise<Message> {
    return new Promise((resolve, reject) => {
      const ended = (status: number | null) => reject(new Error(`${this.script} ended with ${status}`));
      this.#process.once('exit', ended);
      this.#process.once('message', (message) => {
        this.#process.off('exit', ended);
        resolve(message as Message);
      });
    });
  }

  ask<Answer>(request: object | string): Promise<Answer> {
    const answer = this.receive<Answer>();
    this.#process.send(request);
    return answer;
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || !this.#process.connected) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.disconnect();
    await ended;
  }
}

export interface Outcome extends Received {
  /** Events that should have arrived. */
  readonly expected: number;
  readonly produced: Produced;
}

/** Kernel, daemon and client as in production, in three processes with a Unix socket. */
export class EventPipeline {
  readonly #object = new BenchObject();
  readonly #server: Helper;
  readonly #producer = new Helper(
    './producer.js',
    [],
    [this.#object.map('event_runs'), this.#object.program('bench_produce')],
  );
  #client: Helper | undefined;

  private constructor(hasJournal: boolean) {
    this.#server = new Helper('./server.js', hasJournal ? ['journal'] : [], [this.#object.map('events')]);
  }

  static async start(
    clientSettings: Omit<ClientSettings, 'address' | 'clockOffset'>,
    hasJournal = false,
  ): Promise<EventPipeline> {
    const pipeline = new EventPipeline(hasJournal);
    try {
      const ready = await pipeline.#server.receive<ServerReady>();
      const settings: ClientSettings = { ...ready, ...clientSettings };
      pipeline.#client = new Helper('./client.js', [JSON.stringify(settings)], []);
      await pipeline.#client.receive();
      return pipeline;
    } catch (error) {
      await pipeline.close();
      throw error;
    }
  }

  produce(request: ProduceRequest): Promise<Produced> {
    return this.#producer.ask(request);
  }

  /**
   * Produces events, and waits until `copies` of each have arrived or are known to be lost, or until no more arrive.
   */
  async run(request: ProduceRequest, copies = 1): Promise<Outcome> {
    const produced = await this.produce(request);
    const expected = (produced.sent - produced.dropped) * copies;
    const ask = (request: ClientRequest) => this.#client!.ask<Received>(request);
    let quietSince = monotonicMilliseconds();
    for (let before = await ask('peek'); before.events + before.missed < expected; ) {
      await sleep(POLL_MILLISECONDS);
      const now = await ask('peek');
      if (now.events + now.missed > before.events + before.missed) quietSince = monotonicMilliseconds();
      else if (monotonicMilliseconds() - quietSince > QUIET_MILLISECONDS) break;
      before = now;
    }
    return { ...(await ask('take')), expected, produced };
  }

  report(): Promise<ServerReport> {
    return this.#server.ask('report');
  }

  async close(): Promise<void> {
    for (const helper of [this.#client, this.#producer, this.#server]) await helper?.end();
    this.#object.close();
  }
}
