import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Outcome } from './docker.js';
import { eventually } from './eventually.js';

const PORT = 2222;

/** Debian's sshd on the loopback address, with a key for root. */
export class SshServer {
  readonly #directory = mkdtempSync(join(tmpdir(), 'hauberk-ssh-'));
  readonly #key = join(this.#directory, 'user-key');
  #process: ChildProcess | undefined;

  async start(): Promise<void> {
    const hostKey = join(this.#directory, 'host-key');
    for (const key of [hostKey, this.#key]) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const configuration = join(this.#directory, 'sshd_config');
    writeFileSync(
      configuration,
      [
        ...[`Port ${PORT}`, 'ListenAddress 127.0.0.1', `HostKey ${hostKey}`, 'PidFile none', 'UsePAM yes'],
        ...[`AuthorizedKeysFile ${this.#key}.pub`, 'StrictModes no', 'PermitRootLogin yes', 'PrintMotd no'],
      ].join('\n'),
    );
    mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const log = ['-E', join(this.#directory, 'log')];
    this.#process = spawn('/usr/sbin/sshd', ['-D', '-f', configuration, ...log], { stdio: 'ignore' });
    await eventually(answers, 'a connection to sshd');
  }

  /** Logs in as root, with a terminal, and runs a command. */
  login(command: string): Outcome {
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'LogLevel=ERROR'];
    const { status, stdout, stderr } = spawnSync(
      'ssh',
      [
        ...['-F', 'none', '-tt', '-p', String(PORT), '-i', this.#key],
        ...options.flatMap((option) => ['-o', option]),
        ...['root@127.0.0.1', command],
      ],
      { encoding: 'utf8', timeout: 120_000 },
    );
    return { status: status ?? -1, output: stdout + stderr };
  }

  /** The server's log. */
  get log(): string {
    return readFileSync(join(this.#directory, 'log'), 'utf8');
  }

  end(): void {
    this.#process?.kill();
  }
}

async function answers(): Promise<boolean> {
  const socket = connect(PORT, '127.0.0.1');
  return once(socket, 'connect')
    .then(() => true)
    .catch(() => false)
    .finally(() => socket.destroy());
}
