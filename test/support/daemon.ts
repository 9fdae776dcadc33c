import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, renameSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Client } from './client.js';
import { forgetState, PIN_DIRECTORY } from './kept-programs.js';

const START_MILLISECONDS = 240_000;
/** How long the daemon may take to know the containers that already run; it serves clients before that. */
const KNOWN_MILLISECONDS = 10_000;

/** The part of GetStatus that reports whether it enforces. */
interface Status {
  readonly enforcing: boolean;
  readonly reason: string;
  readonly containers: number;
  readonly unprotectedContainers: number;
  readonly sources: readonly { readonly connected: boolean; readonly containers: number }[];
}

/** Whether the containers that ran when it was started are known. */
function knowsContainers({ sources, containers, unprotectedContainers }: Status): boolean {
  return sources.every((source) => source.connected && source.containers <= containers + unprotectedContainers);
}

/**
 * Removes what daemons have left in the kernel: renames it at once and deletes it in the background, since the kernel
 * waits a tenth of a second for each program.
 */
export function removePins(directory: string): void {
  if (!existsSync(directory)) return;
  const removed = `${directory}-removed-${process.pid}-${Date.now()}`;
  renameSync(directory, removed);
  spawn('rm', ['-rf', removed], { stdio: 'ignore', detached: true }).unref();
}

/** hauberkd as a process of its own, by default with its files in a new directory. */
export class Daemon {
  readonly address: string;
  readonly hookSocket: string;
  readonly metricsAddress = '127.0.0.1:9464';
  readonly stateDirectory: string;
  readonly pinDirectory = PIN_DIRECTORY;
  #process: ChildProcess | undefined;
  #log = '';
  #client: Client | undefined;

  /** @param address a socket in the directory when left out */
  constructor(
    address?: string,
    readonly directory = mkdtempSync(join(tmpdir(), 'hauberk-')),
  ) {
    this.address = address ?? `unix:${join(directory, 'hauberk.sock')}`;
    this.hookSocket = join(directory, 'hook.sock');
    this.stateDirectory = join(directory, 'state');
  }

  /** Checks readiness with this client, such as one with a certificate. */
  connectWith(client: Client): void {
    this.#client = client;
  }

  /** The daemon's output so far, over all its starts. */
  get log(): string {
    return this.#log;
  }

  /** Starts it and waits until it reports that it enforces. */
  start(...flags: string[]): Promise<void> {
    return this.#launch(flags, ({ enforcing }) => enforcing);
  }

  /** Starts it and waits until it reports that it does not enforce, and why. */
  async startDamaged(): Promise<string> {
    let reason = '';
    await this.#launch([], (status) => {
      reason = status.reason;
      return !status.enforcing;
    });
    return reason;
  }

  async #launch(flags: readonly string[], isReady: (status: Status) => boolean): Promise<void> {
    // A fresh install: leftovers of other daemons in the kernel would refer to a state that no longer exists.
    if (!existsSync(this.stateDirectory) && !forgetState(this.pinDirectory)) removePins(this.pinDirectory);
    const child = this.spawn(...flags);
    const client = this.#client ?? new Client(this.address);
    try {
      const deadline = Date.now() + START_MILLISECONDS;
      let serving: number | undefined;
      while (Date.now() < deadline) {
        if (child.exitCode !== null) throw new Error(`hauberkd ended with ${child.exitCode}:\n${this.log}`);
        const status = await client.call('HostService', 'GetStatus').catch(() => undefined);
        if (status !== undefined && isReady(status)) {
          serving ??= Date.now();
          if (knowsContainers(status) || Date.now() > serving + KNOWN_MILLISECONDS) return;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } finally {
      if (client !== this.#client) client.close();
    }
    throw new Error(`hauberkd does not serve:\n${this.log}`);
  }

  /** Starts it without waiting for anything. */
  spawn(...flags: string[]): ChildProcess {
    const [program, ...first] = this.launcher();
    const child = spawn(program!, [...first, ...this.commandLine(...flags)], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#process = child;
    for (const output of [child.stdout, child.stderr]) output!.on('data', (text) => (this.#log += text));
    return child;
  }

  /** What runs the program. */
  protected launcher(): string[] {
    return [process.execPath];
  }

  protected commandLine(...flags: string[]): string[] {
    return [
      'build/program/hauberkd.js',
      ...['--listen', this.address, '--metrics', this.metricsAddress],
      ...['--state-dir', this.stateDirectory, '--bpffs-dir', this.pinDirectory],
      ...['--hook-socket', this.hookSocket],
      ...flags,
    ];
  }

  /** Its process id. */
  get pid(): number {
    return this.#process!.pid!;
  }

  /** Suspends the process, or continues it. */
  send(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process!.kill(signal);
  }

  /** Sends a signal and waits for the end; returns the exit code, or the signal that ended it. */
  async end(signal: NodeJS.Signals): Promise<number | string> {
    const child = this.#process!;
    // It may have ended by itself, when it could not start.
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode!;
    const ended = this.ended();
    child.kill(signal);
    return ended;
  }

  /** Waits for the end; returns the exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return new Promise((resolve) => this.#process!.once('exit', (code, killedBy) => resolve(code ?? killedBy!)));
  }

  async metrics(): Promise<string> {
    // A new connection: a daemon that was suspended may be closing one that was kept alive.
    const [response] = (await once(get(`http://${this.metricsAddress}/metrics`, { agent: false }), 'response')) as [
      IncomingMessage,
    ];
    return text(response);
  }
}
