import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { invalidInput } from '../failure.js';

export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  /** `port` may be 0 for any; without TLS, `host` is a loopback address. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** What protects a TCP address. */
export interface ListenProtection {
  readonly hasTls: boolean;
  readonly allowsInsecureTcp: boolean;
}

/**
 * Reads `unix:PATH` or `ADDRESS:PORT`. The name `localhost` stands for 127.0.0.1.
 *
 * @throws Failure invalid-argument, also for a TCP address without TLS, unless insecure ones are allowed and it is a
 *   loopback address, and for a protection that says two things at once
 */
export function parseListenAddress(text: string, protection: ListenProtection): ListenAddress {
  const path = /^unix:(?:\/\/(?=\/))?(?<path>.+)$/su.exec(text)?.groups?.path;
  const { hasTls, allowsInsecureTcp } = protection;
  if (path !== undefined) {
    if (hasTls || allowsInsecureTcp) {
      throw refusal(text, `is not a TCP address, so ${hasTls ? '--tls-certificate' : '--insecure-tcp'} has no meaning`);
    }
    return { kind: 'unix', path: resolve(path) };
  }
  const parts = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]+)):(?<port>\d{1,5})$/u.exec(text)?.groups;
  const port = Number(parts?.port);
  if (parts === undefined || port > 65535) throw refusal(text, 'is neither unix:PATH nor ADDRESS:PORT');
  const name = parts.bracketed ?? parts.plain!;
  const host = name === 'localhost' ? '127.0.0.1' : name;
  const version = isIP(host);
  if (version === 0) throw refusal(text, 'must name an IP address');
  if (hasTls && allowsInsecureTcp) throw refusal(text, 'cannot have both --tls-certificate and --insecure-tcp');
  if (!hasTls && !allowsInsecureTcp) {
    throw refusal(
      text,
      'is a TCP address, which needs --tls-certificate, --tls-key and --tls-client-ca; for a test on a loopback ' +
        'address there is --insecure-tcp',
    );
  }
  if (!hasTls && !(version === 4 ? host.startsWith('127.') : /^(?:0*:)+0*1$/u.test(host))) {
    throw refusal(text, 'is not a loopback address; --insecure-tcp allows no other');
  }
  return { kind: 'tcp', host, port };
}

function refusal(text: string, description: string) {
  return invalidInput([{ field: 'listen', description: `${JSON.stringify(text)} ${description}` }]);
}
