/** What the processes of the event measurements say to each other. Each request gets one answer, in order. */

export interface ServerReady {
  readonly address: string;
  /** Nanoseconds from CLOCK_MONOTONIC to the times the server writes into events. */
  readonly clockOffset: string;
}

/** The one question to the server is how it is. */
export interface ServerReport {
  /** Peak resident memory, MiB. */
  readonly peakMebibytes: number;
  /** Events given up for streams that lagged behind. */
  readonly missed: number;
}

export interface ProduceRequest {
  readonly eventsPerSecond: number;
  readonly seconds: number;
  /** Index of the container the events are of: see CONTAINERS. */
  readonly container: number;
}

export interface Produced {
  readonly sent: number;
  /** Of those, lost because the ring was full. */
  readonly dropped: number;
  /** CLOCK_MONOTONIC, milliseconds. */
  readonly began: number;
}

export interface ClientSettings {
  readonly address: string;
  readonly clockOffset: string;
  /** Streams that are read; each over a connection of its own. */
  readonly streams: number;
  /** Streams that are opened and not read. */
  readonly stalled: number;
  /** Ids of containers the streams that are read ask for; empty for all. */
  readonly containerIds: readonly string[];
}

/** What has come so far; the same with latencies, and start again. */
export type ClientQuestion = 'peek' | 'take';

/** What has come to the streams that are read. */
export interface Received {
  readonly events: number;
  readonly missed: number;
  /** Of each event, milliseconds from the kernel's record to here; absent from a peek and where nothing came. */
  readonly percentiles?: { readonly p50: number; readonly p99: number };
  /** CLOCK_MONOTONIC of the last receipt, milliseconds. */
  readonly last: number;
  /** Of one event as encoded in a message, on average; 0 before the first. */
  readonly bytesEach: number;
}

/** The containers of the records, by the pid namespace in them. */
export const CONTAINERS = ['measured', 'flood'] as const;
