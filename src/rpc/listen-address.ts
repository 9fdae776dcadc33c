import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { invalidInput } from '../failure.js';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  /** `host` is a loopback address; `port` may be 0 for any. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/**
 * Reads `unix:PATH` or `ADDRESS:PORT`. The name `localhost` stands for 127.0.0.1.
 *
 * @throws Failure invalid-argument, also for a TCP address that other hosts can reach: there is no TLS
 */
export function parseListenAddress(text: string): ListenAddress {
  const path = /^unix:(?:\/\/(?=\/))?(?<path>.+)$/su.exec(text)?.groups?.path;
  if (path !== undefined) return { kind: 'unix', path: resolve(path) };
  const parts = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]+)):(?<port>\d{1,5})$/u.exec(text)?.groups;
  const port = Number(parts?.port);
  if (parts === undefined || port > 65535) throw refusal(text, 'is neither unix:PATH nor ADDRESS:PORT');
  const name = parts.bracketed ?? parts.plain!;
  const host = name === 'localhost' ? '127.0.0.1' : name;
  const version = isIP(host);
  if (version === 0) throw refusal(text, 'must name an IP address');
  if (!(version === 4 ? host.startsWith('127.') : /^(?:0*:)+0*1$/u.test(host))) {
    throw refusal(
      text,
      'is not a loopback address; without TLS the API is served on 127.0.0.1, [::1] or a Unix socket',
    );
  }
  return { kind: 'tcp', host, port };
}

function refusal(text: string, description: string) {
  return invalidInput([{ field: 'listen', description: `${JSON.stringify(text)} ${description}` }]);
}
