import type { ContainerDescription } from '../../containers/container.js';
import type { StartAnswer } from '../hook-request.js';
import { Status, TtrpcError } from './ttrpc.js';

/** How NRI describes a container whose process is there and has not run a program of the container yet. */
export interface StartingContainer {
  readonly description: ContainerDescription;
  readonly id: string;
  /** The container's first process as the host numbers it; its root is the container's already. */
  readonly pid: number;
  readonly name: string;
  readonly podName: string;
  readonly podNamespace: string;
  readonly podUid: string;
  readonly sandboxId: string;
  /** The pod's. */
  readonly labels: Readonly<Record<string, string>>;
  /** The container's. */
  readonly annotations: Readonly<Record<string, string>>;
}

/** The signal aborts when the start is no longer held: the answer is then ignored. */
export type OnStart = (container: StartingContainer, signal: AbortSignal) => Promise<StartAnswer>;

/** Told of a start that cannot be protected, since the runtime names no pod or no process; without a pod also no container. */
export type OnUnknown = (container: StartingContainer | undefined, reason: string) => void;

export type WhenUnprotected = 'refuse' | 'allow';

/**
 * What happens to a container that is not under its policies, or not in time: some are exempt. Without a container, to
 * one of which nothing is known. It may change at any time.
 */
export type WhenUnprotectedOf = (container?: StartingContainer) => WhenUnprotected;

/** The default of containerd's plugin_request_timeout, for a request that does not say it. */
const REQUEST_MILLISECONDS = 2000;
/** An answer takes this long to arrive, at worst. */
const MARGIN_MILLISECONDS = 200;

/** When to answer a request at the latest, for a runtime that waits so long or does not say how long. */
export function answerMilliseconds(milliseconds = REQUEST_MILLISECONDS): number {
  return Math.max(milliseconds - MARGIN_MILLISECONDS, milliseconds / 2);
}

/** The starts of containers that wait for their policies. */
export class HeldStarts {
  readonly #onStart: OnStart;
  readonly #onUnknown: OnUnknown;
  readonly #whenUnprotected: WhenUnprotectedOf;
  readonly #held = new Set<AbortController>();

  constructor(onStart: OnStart, onUnknown: OnUnknown, whenUnprotected: WhenUnprotectedOf) {
    this.#onStart = onStart;
    this.#onUnknown = onUnknown;
    this.#whenUnprotected = whenUnprotected;
  }

  /**
   * Resolves when the container may continue.
   *
   * @param milliseconds how long containerd waits; then it ends the connection, and the container continues
   * @throws TtrpcError where the start is refused
   */
  async hold(container: StartingContainer | undefined, milliseconds?: number): Promise<void> {
    const held = new AbortController();
    this.#held.add(held);
    // Once, so that what follows the start is what was said before it.
    const whenUnprotected = this.#whenUnprotected(container);
    const wait = answerMilliseconds(milliseconds);
    const timer = setTimeout(() => held.abort(new Error(`not under its policies within ${Math.round(wait)} ms`)), wait);
    try {
      const answer = await Promise.race([this.#request(container, held.signal), givenUp(held.signal)]);
      if (answer.outcome === 'unprotected' && whenUnprotected === 'refuse')
        throw new TtrpcError(Status.FAILED_PRECONDITION, `Hauberk refuses the start: ${answer.reason}`);
    } finally {
      clearTimeout(timer);
      this.#held.delete(held);
    }
  }

  /** Whether none waits. */
  get isIdle(): boolean {
    return this.#held.size === 0;
  }

  /** Decides all that wait, for the reason given. */
  giveUp(reason: Error): void {
    for (const held of this.#held) held.abort(reason);
  }

  async #request(container: StartingContainer | undefined, signal: AbortSignal): Promise<StartAnswer> {
    if (container === undefined || container.pid === 0) {
      const reason = `the runtime names no ${container === undefined ? 'pod' : 'process'} of it`;
      this.#onUnknown(container, reason);
      return { outcome: 'unprotected', reason };
    }
    try {
      return await this.#onStart(container, signal);
    } catch (error) {
      return { outcome: 'unprotected', reason: (error as Error).message };
    }
  }
}

function givenUp(signal: AbortSignal): Promise<StartAnswer> {
  return new Promise((resolve) => {
    const settle = () => resolve({ outcome: 'unprotected', reason: (signal.reason as Error).message });
    signal.addEventListener('abort', settle, { once: true });
  });
}
