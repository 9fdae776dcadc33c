/** Messages between the processes of the event measurements. Each request gets one answer, in order. */

export interface ServerReady {
  readonly address: string;
  /** Nanoseconds from CLOCK_MONOTONIC to the times the server writes into events. */
  readonly clockOffset: string;
}

/** The answer to the only request that the server has. */
export interface ServerReport {
  /** Peak resident memory, MiB. */
  readonly peakMebibytes: number;
  /** Processor time of all threads so far. */
  readonly processorMilliseconds: number;
  /** Events dropped for streams that lagged behind. */
  readonly missed: number;
}

export interface ProduceRequest {
  readonly eventsPerSecond: number;
  readonly seconds: number;
  /** Index of the events' container in CONTAINERS. */
  readonly container: number;
}

export interface Produced {
  readonly sent: number;
  /** How many of them were lost because the ring was full. */
  readonly dropped: number;
  /** Time of CLOCK_MONOTONIC, in milliseconds. */
  readonly began: number;
}

export interface ClientSettings {
  readonly address: string;
  readonly clockOffset: string;
  /** How many streams are read, each over a connection of its own. */
  readonly streams: number;
  /** How many streams are opened and not read. */
  readonly stalled: number;
  /** Ids of the containers whose events are read; empty for all. */
  readonly containerIds: readonly string[];
}

/** `peek` requests the totals so far, `take` the totals with latencies, which are then reset. */
export type ClientRequest = 'peek' | 'take';

/** The events that have arrived on the streams that are read. */
export interface Received {
  readonly events: number;
  readonly missed: number;
  /** Milliseconds from the kernel's record to the client; absent from a peek and without events. */
  readonly percentiles?: { readonly p50: number; readonly p99: number };
  /** CLOCK_MONOTONIC of the last receipt, milliseconds. */
  readonly last: number;
  /** Average bytes of an event as encoded in a message; 0 before the first. */
  readonly bytesEach: number;
}

/** The containers of the records, by the pid namespace in them. */
export const CONTAINERS = ['measured', 'flood'] as const;
