import { policyKey } from '../policy/model.js';
import type { PolicyRegistry } from './policy-registry.js';

interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The clock may be set: it is looked at again after this time. */
const LOOK_MILLISECONDS = 60_000;

/** Deletes policies when they expire. */
export class Expiry {
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(
    readonly policies: PolicyRegistry,
    readonly logger: Logger,
  ) {}

  /** To be called when policies may have changed: the next end may be sooner than the one waited for. */
  schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    const ends = this.policies.list().flatMap(({ expires }) => (expires === undefined ? [] : [expires]));
    if (ends.length === 0) return;
    const wait = Math.min(LOOK_MILLISECONDS, Math.max(0, Math.min(...ends) - Date.now()));
    this.#timer = setTimeout(() => void this.#expire(), wait);
  }

  /** Nothing expires any more, whatever changes. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  async #expire(): Promise<void> {
    try {
      const { result } = await this.policies.deleteExpired(Date.now());
      for (const { policy } of result) this.logger.info({ policy: policyKey(policy) }, 'the policy has expired');
      this.schedule();
    } catch (err) {
      this.logger.warn({ err }, 'cannot delete policies that have expired');
      if (!this.#isStopped) this.#timer = setTimeout(() => void this.#expire(), LOOK_MILLISECONDS);
    }
  }
}
