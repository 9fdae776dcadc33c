import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { DEFAULT_ADDRESS, type HauberkClient, HauberkError } from '../client/messages.js';
import { CommandFailure, EXIT } from './exit-status.js';
import { fileProblem } from './file-problem.js';
import { type Target, whyUnreachable } from './unreachable.js';

interface ConnectionFlags {
  readonly address: string;
  readonly tlsCa?: string;
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsServerName?: string;
  readonly timeout: string;
}

/** Adds the flags that say where the daemon is. */
export function addConnectionFlags(program: Command): void {
  const flag = (names: string, help: string, variable: string) => new Option(names, help).env(variable);
  program
    .addOption(flag('-a, --address <address>', 'unix:PATH or HOST:PORT', 'HAUBERK_ADDRESS').default(DEFAULT_ADDRESS))
    .addOption(flag('--tls-ca <file>', "CA certificate that signed the daemon's certificate", 'HAUBERK_TLS_CA'))
    .addOption(
      flag('--tls-certificate <file>', 'client certificate to present to the daemon', 'HAUBERK_TLS_CERTIFICATE'),
    )
    .addOption(flag('--tls-key <file>', "the client certificate's key", 'HAUBERK_TLS_KEY'))
    .addOption(flag('--tls-server-name <name>', "the name in the daemon's certificate", 'HAUBERK_TLS_SERVER_NAME'))
    .addOption(flag('--timeout <seconds>', 'how long a call may take', 'HAUBERK_TIMEOUT').default('30'));
}

/** Runs a task with a client for the flags given. @throws CommandFailure with what to do when nobody can be reached */
export async function withClient<Result>(
  command: Command,
  task: (client: HauberkClient, target: Target) => Promise<Result>,
): Promise<Result> {
  const { address, timeout, ...tls } = command.optsWithGlobals<ConnectionFlags>();
  if (!(Number(timeout) > 0)) throw new CommandFailure(EXIT.usage, `--timeout: ${timeout} is not a number of seconds`);
  const files = readTlsFiles(tls);
  const target = { address, hasTls: files !== undefined, timeoutSeconds: Number(timeout) };
  // Imported late, because gRPC takes as long to load as everything else, and half of the commands need no daemon.
  const { connect } = await import('../client/client.js');
  const client = connect({ address, timeoutMilliseconds: Number(timeout) * 1000, ...(files && { tls: files }) });
  try {
    return await task(client, target);
  } catch (error) {
    const why = error instanceof HauberkError ? whyUnreachable(error, target) : undefined;
    throw why === undefined ? error : new CommandFailure(EXIT.unreachable, why);
  } finally {
    client.close();
  }
}

function readTlsFiles({ tlsCa, tlsCertificate, tlsKey, tlsServerName }: Omit<ConnectionFlags, 'address' | 'timeout'>) {
  if (tlsCa === undefined && tlsCertificate === undefined && tlsKey === undefined) return undefined;
  if (tlsCa === undefined || tlsCertificate === undefined || tlsKey === undefined) {
    throw new CommandFailure(EXIT.usage, 'TLS needs --tls-ca, --tls-certificate and --tls-key');
  }
  return {
    ca: read(tlsCa),
    certificate: read(tlsCertificate),
    key: read(tlsKey),
    ...(tlsServerName !== undefined && { serverName: tlsServerName }),
  };
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new CommandFailure(EXIT.usage, fileProblem(error));
  }
}
