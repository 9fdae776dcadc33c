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
