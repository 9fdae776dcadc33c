import { type ChildProcess, spawn } from 'node:child_process';
import { Client } from './client.js';

const START_MILLISECONDS = 300_000;

/** hauberkd with its default addresses and directories, started by the command of a deployment. */
export class DeployedDaemon {
  readonly client = new Client('unix:/run/hauberk/hauberk.sock');
  #process: ChildProcess | undefined;
  #log = '';

  get log(): string {
    return this.#log;
  }

  /** @throws Error with the command's output, when it ends or hauberkd does not serve */
  async start([program, ...parameters]: readonly string[]): Promise<ChildProcess> {
    const child = spawn(program!, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    this.#log = '';
    for (const output of [child.stdout, child.stderr]) output!.on('data', (text) => (this.#log += text));
    const closed = new Promise<true>((resolve) => child.once('close', () => resolve(true)));
    const deadline = Date.now() + START_MILLISECONDS;
    while (Date.now() < deadline) {
      const status = await this.client.call('HostService', 'GetStatus').catch(() => undefined);
      if (status?.enforcing && isConnected(status.sources, 'docker') && status.containers > 0) return child;
      const pause = new Promise<false>((resolve) => setTimeout(() => resolve(false), 100));
      if (await Promise.race([closed, pause])) throw new Error(`hauberkd has ended:\n${this.#log}`);
    }
    throw new Error(`hauberkd does not serve:\n${this.#log}`);
  }

  async end(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
}

function isConnected(sources: readonly { name: string; connected: boolean }[], wanted: string): boolean {
  return sources.some(({ name, connected }) => name === wanted && connected);
}
