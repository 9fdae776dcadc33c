import type { Client, EventStream } from './client.js';
import { NamespacedShell } from './namespaced-shell.js';
import type { SharedDaemon } from './shared-daemon.js';

/** A daemon with two containers that are shells, of which policies select one, and the events of both. */
export class TwoShells {
  free!: NamespacedShell;
  /** The shell that policies select, by its label `app: held`. */
  held!: NamespacedShell;
  events!: EventStream;

  constructor(
    private readonly daemon: SharedDaemon,
    private readonly client: Client,
  ) {}

  /** Returns itself, since what it has is known from then on. */
  async start(): Promise<this> {
    await this.daemon.start();
    this.free = await NamespacedShell.registered(this.client, 'free');
    this.held = await NamespacedShell.registered(this.client, 'held');
    this.events = await this.client.stream({});
    return this;
  }

  /** Ends what was started, also after a start that failed half-way. */
  async end(): Promise<void> {
    this.events?.cancel();
    for (const id of ['held', 'free'])
      await this.client.call('ContainerService', 'UnregisterContainer', { id }).catch(() => undefined);
    this.client.close();
    await this.held?.end();
    await this.free?.end();
    await this.daemon.release();
  }
}
