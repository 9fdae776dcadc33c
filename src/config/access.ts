import type { ServerOptions } from '../rpc/server.js';
import type { Config } from './config.js';

/** Which clients may connect to the daemon, and their limits. */
export function accessOf(config: Config): Pick<ServerOptions, 'listen' | 'tls' | 'insecureTcp' | 'roles' | 'limits'> {
  const { tlsCertificate, tlsKey, tlsClientCa } = config;
  return {
    listen: config.listen,
    roles: config.roles,
    ...(tlsCertificate !== undefined && {
      tls: { certificate: tlsCertificate, key: tlsKey!, clientCa: tlsClientCa! },
    }),
    ...(config.insecureTcp && { insecureTcp: { role: config.insecureTcpRole } }),
    limits: {
      messageBytes: config.maxMessageBytes,
      callsPerConnection: config.maxCallsPerConnection,
      streamsPerClient: config.maxStreamsPerClient,
      requestsPerSecond: config.requestsPerSecond,
      connections: config.maxConnections,
      keepaliveSeconds: config.keepalive,
      callTimeoutSeconds: config.callTimeout,
      unreadBytes: config.maxUnreadBytes,
      readTimeoutSeconds: config.readTimeout,
    },
  };
}
