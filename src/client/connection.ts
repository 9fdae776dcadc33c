import { type ChannelCredentials, type ClientOptions, credentials } from '@grpc/grpc-js';

/** Where hauberkd listens unless it is told otherwise. */
export const DEFAULT_ADDRESS = 'unix:/run/hauberk/hauberk.sock';

/** PEM texts. */
export interface TlsFiles {
  /** The authority that issued the daemon's certificate. */
  readonly ca: Uint8Array;
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
  /** The name in the daemon's certificate, where it is not that of the address. */
  readonly serverName?: string;
}

export interface ConnectOptions {
  /** `unix:PATH` or `HOST:PORT`; DEFAULT_ADDRESS when left out. */
  readonly address?: string;
  /** Needed for `HOST:PORT`, unless the daemon was started with `--insecure-tcp`. */
  readonly tls?: TlsFiles;
  /** How long a call other than a stream may take; 30,000 when left out. */
  readonly timeoutMilliseconds?: number;
}

/** What the daemon answers is bounded; this only keeps a program that is no daemon from filling the memory. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

const RECONNECT = { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 5000 };

export function channelOptions({ tls }: ConnectOptions): ClientOptions {
  const name = tls?.serverName;
  const limits = { 'grpc.max_receive_message_length': ANSWER_BYTES_MAX };
  return { ...RECONNECT, ...limits, ...(name !== undefined && { 'grpc.ssl_target_name_override': name }) };
}

export function channelCredentials({ tls }: ConnectOptions): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.certificate));
}
