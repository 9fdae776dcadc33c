import type { Backoff } from '../backoff.js';
import type { ApiClient } from './api-client.js';
import { FollowedList } from './followed-list.js';
import { type ReportObject, reportsIn } from './node-report.js';
import { ReportsOfNodes, type TakenReport } from './reports-of-nodes.js';

/** Renewals come one by one, and are processed together. */
const GATHER_MILLISECONDS = 1000;
/** How often it is checked whether a node has fallen silent. */
const LOOK_MILLISECONDS = 60_000;

/** The reports of all nodes, for the one daemon that adds them up. */
export class FollowedReports {
  readonly #list: FollowedList<ReportObject>;
  readonly #nodes = new ReportsOfNodes();
  readonly #look: NodeJS.Timeout;
  #soon: NodeJS.Timeout | undefined;
  /** One look after the other: a later one must not end before. */
  #looking: Promise<boolean> = Promise.resolve(false);
  #isStopped = false;

  /** @param onChange called when reports of nodes change, or when nodes fall silent or report again */
  constructor(
    client: ApiClient,
    namespace: string,
    readonly onChange: () => void,
    backoff?: Backoff,
  ) {
    const options = { onChange: () => this.#lookSoon(), onStatus: () => undefined, ...(backoff && { backoff }) };
    this.#list = new FollowedList<ReportObject>(client, reportsIn(namespace), options);
    this.#look = setInterval(() => this.#lookSoon(), LOOK_MILLISECONDS);
    this.#list.start();
  }

  /** Whether all have been reported once. */
  get isListed(): boolean {
    return this.#list.isListed;
  }

  /** As they are now. */
  async taken(): Promise<readonly TakenReport[]> {
    await this.#take();
    return this.#nodes.reports;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#look);
    clearTimeout(this.#soon);
    await this.#list.stop();
  }

  #lookSoon(): void {
    if (this.#isStopped) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      void this.#take().then((hasChanged) => {
        if (hasChanged && !this.#isStopped) this.onChange();
      });
    }, GATHER_MILLISECONDS);
  }

  #take(): Promise<boolean> {
    this.#looking = this.#looking.then(() => this.#nodes.take(this.#list.objects));
    return this.#looking;
  }
}
