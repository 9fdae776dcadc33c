import type { ContainerDescription } from '../containers/container.js';
import type { SourceStatus } from '../control/protection.js';

/** A container as a runtime reports it, with its first process as the host numbers it. */
export interface SourceContainer {
  readonly description: ContainerDescription;
  readonly pid: number;
}

/** Where a source reports what it learns. */
export interface ContainerSink {
  /** Exactly these containers run, as far as this source knows: called after every (re)connection. */
  running(containers: readonly SourceContainer[]): void;
  /** A container runs, or something about it has changed. */
  started(container: SourceContainer): void;
  ended(id: string): void;
}

/** How one container runtime is reached. */
export interface RuntimeConnection {
  readonly name: string;
  readonly origin: ContainerDescription['origin'];
  /** The path of its socket. */
  readonly address: string;
  /**
   * Follows the runtime until the signal aborts, then resolves, or until the connection is lost, then rejects with the
   * cause.
   */
  follow(sink: ContainerSink, onConnected: () => void, signal: AbortSignal): Promise<void>;
}

/** Reports containers from its start until it is stopped, even if the runtime restarts meanwhile. */
export interface ContainerSource {
  readonly name: string;
  readonly origin: ContainerDescription['origin'];
  readonly address: string;
  start(sink: ContainerSink): void;
  stop(): void;
  status(): SourceStatus;
}

export interface SourceLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
