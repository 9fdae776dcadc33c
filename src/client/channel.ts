import { type ChannelCredentials, type ClientOptions, credentials } from '@grpc/grpc-js';
import type { ConnectOptions } from './connection.js';

/** The daemon's answers are bounded; this only keeps another program from filling the memory. */
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
