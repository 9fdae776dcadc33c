import { join } from 'node:path';
import { Failure, invalidInput } from '../../failure.js';
import type { Role } from '../access/role.js';
import { parseListenAddress } from '../listen-address.js';
import type { ServerOptions } from '../server.js';

export const LISTEN_OFF = 'off';
const FLAG = '--kubearmor-listen';

export interface KubearmorAccess {
  /** `off`, or addresses separated by commas: `unix:PATH` or `ADDRESS:PORT`. */
  readonly listen: string;
  /** Holds `ca.crt`, `server.crt` and `server.key`, as KubeArmor's external certificates lie. */
  readonly tlsDirectory: string | undefined;
  /** Of every client on a TCP address without TLS. */
  readonly tcpRole: Role;
}

/** How a server is to listen for KubeArmor's clients. */
export type KubearmorListener = Pick<ServerOptions, 'listen' | 'tls' | 'insecureTcp'>;

/**
 * Where KubeArmor's clients come in: one listener for each address.
 *
 * @throws Failure invalid-argument, also for a TCP address without TLS that is not a loopback address
 */
export function kubearmorListeners({ listen, tlsDirectory, tcpRole }: KubearmorAccess): KubearmorListener[] {
  if (listen === LISTEN_OFF) return [];
  const listeners = listen.split(',').map((address): KubearmorListener => {
    if (address.startsWith('unix:')) return { listen: address };
    if (tlsDirectory === undefined) return { listen: address, insecureTcp: { role: tcpRole } };
    return { listen: address, tls: externalCertificates(tlsDirectory) };
  });
  for (const { listen: address, tls } of listeners) check(address, tls !== undefined);
  return listeners;
}

function externalCertificates(directory: string) {
  return {
    certificate: join(directory, 'server.crt'),
    key: join(directory, 'server.key'),
    clientCa: join(directory, 'ca.crt'),
  };
}

function check(address: string, hasTls: boolean): void {
  const isTcp = !address.startsWith('unix:');
  try {
    parseListenAddress(address, { hasTls, allowsInsecureTcp: isTcp && !hasTls });
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    // Rewords errors of --listen, whose flags have other names.
    const description = (thrown.problems[0]?.description ?? thrown.message).replace(
      /; --insecure-tcp allows no other$/u,
      ', and others need --kubearmor-tls-directory',
    );
    throw invalidInput([{ field: FLAG, description }]);
  }
}
