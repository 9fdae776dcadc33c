const BURST_SECONDS = 2;
/** Above this many clients those that have been quiet are forgotten. */
const CLIENTS_BEFORE_SWEEP = 1024;

interface Bucket {
  tokens: number;
  /** Milliseconds on the limit's clock. */
  filledAt: number;
}

/** A token bucket for each client: a number of requests a second, after a burst of two seconds' worth. */
export class RateLimit {
  readonly #buckets = new Map<string, Bucket>();

  /** @param now a clock in milliseconds that never goes back */
  constructor(
    private readonly requestsPerSecond: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes one request's token; where there is none, returns the milliseconds until there is one, at least 1. */
  take(client: string): number | undefined {
    const bucket = this.#bucketOf(client);
    if (bucket.tokens < 1) return Math.max(1, Math.ceil(((1 - bucket.tokens) / this.requestsPerSecond) * 1000));
    bucket.tokens--;
    return undefined;
  }

  get clients(): number {
    return this.#buckets.size;
  }

  #bucketOf(client: string): Bucket {
    let bucket = this.#buckets.get(client);
    if (bucket === undefined) {
      if (this.#buckets.size >= CLIENTS_BEFORE_SWEEP) this.#sweep();
      bucket = { tokens: this.#burst, filledAt: this.now() };
      this.#buckets.set(client, bucket);
    } else {
      this.#fill(bucket);
    }
    return bucket;
  }

  #fill(bucket: Bucket): void {
    const now = this.now();
    bucket.tokens = Math.min(this.#burst, bucket.tokens + ((now - bucket.filledAt) / 1000) * this.requestsPerSecond);
    bucket.filledAt = now;
  }

  /** A full bucket is worth as much as none. */
  #sweep(): void {
    for (const [client, bucket] of this.#buckets) {
      this.#fill(bucket);
      if (bucket.tokens === this.#burst) this.#buckets.delete(client);
    }
  }

  get #burst(): number {
    return this.requestsPerSecond * BURST_SECONDS;
  }
}
