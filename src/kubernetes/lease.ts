import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, ApiError, type KubernetesObject } from './api-client.js';

export interface LeaseOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'replace'>;
  readonly namespace: string;
  readonly name: string;
  /** Identifies this candidate among all others. */
  readonly identity: string;
  /** Called when it is held, or not any more. */
  readonly onChange: (isHeld: boolean) => void;
  readonly times?: LeaseTimes;
}

/** Milliseconds. */
export interface LeaseTimes {
  /** How long a holder may be silent before another takes over. */
  readonly duration: number;
  /** How often the holder renews it. */
  readonly renewal: number;
  /** How often the others check. */
  readonly look: number;
}

// A thousand candidates that look so often ask the server 33 times a second.
const TIMES: LeaseTimes = { duration: 45_000, renewal: 10_000, look: 30_000 };

interface LeaseObject extends KubernetesObject {
  readonly spec?: { readonly holderIdentity?: string; readonly renewTime?: string; readonly leaseTransitions?: number };
}

/**
 * Elects one of many by a Lease of Kubernetes: at most one holds it at a time, as long as their clocks run at the same
 * speed.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #times: LeaseTimes;
  readonly #stopping = new AbortController();
  #isHeld = false;
  /** When it was last renewed here, by this machine's clock. */
  #renewed = 0;
  /** The version seen last, and since when: other machines' clocks are not compared with this one's. */
  #seen: { readonly version: string | undefined; readonly since: number } | undefined;
  #done: Promise<void> = Promise.resolve();

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#times = options.times ?? TIMES;
  }

  /** Also false once another may have taken it over, even if an attempt to renew it is still under way. */
  get isHeld(): boolean {
    return this.#isHeld && performance.now() - this.#renewed < this.#times.duration;
  }

  start(): void {
    this.#done = this.#run(this.#stopping.signal);
  }

  /** Lets it go, so that another need not wait. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
    if (!this.#isHeld) return;
    this.#set(false);
    try {
      const lease = (await this.#options.client.get(this.#path)) as LeaseObject;
      if (lease.spec?.holderIdentity === this.#options.identity) await this.#write(lease, '');
    } catch {
      // It ends by itself.
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const began = performance.now();
      try {
        const isHeld = await this.#attempt();
        if (isHeld) this.#renewed = began;
        this.#set(isHeld);
      } catch {
        // If it cannot be renewed in time, another may have taken over.
        if (performance.now() - this.#renewed > this.#times.duration - this.#times.renewal) this.#set(false);
      }
      const wait = this.#isHeld ? this.#times.renewal : this.#times.look * (0.5 + Math.random());
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns whether it is held now */
  async #attempt(): Promise<boolean> {
    const { client, identity } = this.#options;
    try {
      const lease = (await client.get(this.#path)) as LeaseObject;
      const { holderIdentity: holder } = lease.spec ?? {};
      if (holder !== identity && holder && !this.#isSilent(lease)) return false;
      await this.#write(lease, identity);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // Another was quicker.
      if (error.code === 409) return false;
      if (error.code !== 404) throw error;
      const metadata = { name: this.#options.name, namespace: this.#options.namespace };
      await client.create(this.#collection, { ...HEAD, metadata, spec: this.#spec(identity, 0) });
      return true;
    }
  }

  #isSilent({ metadata }: LeaseObject): boolean {
    const now = performance.now();
    if (this.#seen?.version !== metadata.resourceVersion) {
      this.#seen = { version: metadata.resourceVersion, since: now };
    }
    return now - this.#seen!.since > this.#times.duration;
  }

  /** The version that was read goes with it: where it has changed since, the server refuses. */
  #write({ metadata, spec = {} }: LeaseObject, holder: string): Promise<unknown> {
    const { leaseTransitions = 0, holderIdentity } = spec;
    const transitions = leaseTransitions + Number(holderIdentity !== holder);
    return this.#options.client.replace(this.#path, { ...HEAD, metadata, spec: this.#spec(holder, transitions) });
  }

  #spec(holderIdentity: string, leaseTransitions: number): object {
    const leaseDurationSeconds = Math.ceil(this.#times.duration / 1000);
    const renewTime = new Date().toISOString().replace('Z', '000Z');
    return { holderIdentity, leaseDurationSeconds, renewTime, leaseTransitions };
  }

  #set(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    this.#options.onChange(isHeld);
  }

  get #collection(): string {
    return `/apis/coordination.k8s.io/v1/namespaces/${this.#options.namespace}/leases`;
  }

  get #path(): string {
    return `${this.#collection}/${this.#options.name}`;
  }
}

const HEAD = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' };
