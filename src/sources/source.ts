import type { ContainerDescription } from '../containers/container.js';

export interface SourceContainer {
  readonly description: ContainerDescription;
  readonly pid: number;
}

export interface ContainerSink {
  /** Exactly these run, as far as this source knows: told after every (re)connection. */
  running(containers: readonly SourceContainer[]): void;
  /** A container runs, or something about it has changed. */
  started(container: SourceContainer): void;
  ended(id: string): void;
}

/** One connection to a runtime: follows until the signal aborts or the connection is lost (then rejects with the cause). */
export interface RuntimeConnection {
  readonly name: string;
  readonly origin: ContainerDescription['origin'];
  /** Path of the runtime's socket. */
  readonly address: string;
  follow(sink: ContainerSink, onConnected: () => void, signal: AbortSignal): Promise<void>;
}
