import type { ContainerDescription } from '../containers/container.js';

/**
 * Why a known container has none, or not all, of its policies in force. `store`: the change could not be written to
 * disk. `kernel`: the kernel did not take it. `too_large`: its policies do not compile together, and the container's
 * hook refuses or some are left out. `lookup`: its processes could not be looked at. `refused`: the daemon may not
 * protect it, for example because it lives in the host's mount namespace.
 */
export type UnprotectedCause = (typeof UNPROTECTED_CAUSES)[number];
export const UNPROTECTED_CAUSES = ['store', 'kernel', 'too_large', 'lookup', 'refused'] as const;

/** A container that runs and that the daemon could not take in so far. */
export interface UnprotectedContainer {
  readonly description: ContainerDescription;
  readonly cause: UnprotectedCause;
  /** The true cause, in words. */
  readonly reason: string;
  /** Milliseconds since the Unix epoch. */
  readonly since: number;
}

/** The containers that are known and not protected: sources write them down, status and metrics read them. */
export class UnprotectedContainers {
  readonly #byId = new Map<string, UnprotectedContainer>();

  constructor(readonly onChange: () => void) {}

  /** Keeps the time of the first failure. */
  put(description: ContainerDescription, cause: UnprotectedCause, reason: string, now = Date.now()): void {
    const since = this.#byId.get(description.id)?.since ?? now;
    this.#byId.set(description.id, { description, cause, reason, since });
    this.onChange();
  }

  delete(id: string): void {
    if (this.#byId.delete(id)) this.onChange();
  }

  get(id: string): UnprotectedContainer | undefined {
    return this.#byId.get(id);
  }

  /** In the order in which they were first seen. */
  list(): UnprotectedContainer[] {
    return [...this.#byId.values()];
  }
}

/** The state of a source of containers. */
export interface SourceStatus {
  /** The runtime's name: docker, containerd, cri-o, podman, nri; or hook, kubernetes. */
  readonly name: string;
  /** The socket that it is followed through, or that it listens on. */
  readonly address: string;
  readonly connected: boolean;
  /** Why not, when not; empty otherwise. */
  readonly reason: string;
  /** Containers it has reported that run now. */
  readonly containers: number;
  /**
   * Only for sources that protect containers before their first instruction: what happens when the daemon does not
   * answer.
   */
  readonly whenUnanswered?: 'refused' | 'allowed';
}
