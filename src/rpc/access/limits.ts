/** Limits for clients. */
export interface Limits {
  /** Longest request, in bytes. */
  readonly messageBytes: number;
  /** Calls under way on one connection; more wait with the client, as HTTP/2 has it. */
  readonly callsPerConnection: number;
  /** Open streams of one client over all its connections. */
  readonly streamsPerClient: number;
  /** Calls a second of one client, after a burst of twice as many. */
  readonly requestsPerSecond: number;
  readonly connections: number;
  /** Seconds after which a keepalive ping is sent on a silent connection. */
  readonly keepaliveSeconds: number;
  /** Seconds a call may take that is not a stream. */
  readonly callTimeoutSeconds: number;
  /** Bytes of answers that a client may leave unread before its next calls wait. */
  readonly unreadBytes: number;
  /** Seconds in which a client has to take an answer. */
  readonly readTimeoutSeconds: number;
}

export const DEFAULT_LIMITS: Limits = {
  messageBytes: 8 * 1024 * 1024,
  callsPerConnection: 256,
  streamsPerClient: 100,
  requestsPerSecond: 100,
  connections: 1024,
  keepaliveSeconds: 60,
  callTimeoutSeconds: 60,
  unreadBytes: 16 * 1024 * 1024,
  readTimeoutSeconds: 30,
};
