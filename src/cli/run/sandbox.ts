import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { builtFile } from '../../built-files.js';
import { CommandFailure } from '../exit-status.js';

/** The exit status of `hauberk run` if the command was not run, as in env(1) and timeout(1). */
export const NOT_RUN = 125;

const HELPER = builtFile('run/hauberk-run');
const FORWARDED = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;
const SIGNALLED = 128;

/** Pid and mount namespaces of their own in which a command waits; see helpers/run/main.c for the protocol. */
export class Sandbox {
  readonly #helper: ChildProcess;
  readonly #reports: AsyncIterator<string>;
  readonly #orders: Writable;
  readonly #forward = (signal: NodeJS.Signals) => void this.#helper.kill(signal);

  /** The first process in them, as the host numbers it. */
  pid = 0;

  private constructor(command: readonly string[]) {
    this.#helper = spawn(HELPER, command, { stdio: ['inherit', 'inherit', 'inherit', 'pipe', 'pipe'] });
    const [, , , reports, orders] = this.#helper.stdio;
    this.#reports = createInterface({ input: reports as Readable })[Symbol.asyncIterator]();
    this.#orders = orders as Writable;
    // It may have ended by then, as its reports show.
    this.#orders.on('error', () => undefined);
    for (const signal of FORWARDED) process.on(signal, this.#forward);
  }

  /** Resolves once the namespaces are there. @throws CommandFailure when they cannot be made; the helper has said why */
  static async make(command: readonly string[]): Promise<Sandbox> {
    const sandbox = new Sandbox(command);
    try {
      await once(sandbox.#helper, 'spawn');
      // Two processes report, in any order.
      const first = await sandbox.#report();
      const second = await sandbox.#report();
      sandbox.pid = Number([first, second].find(([word]) => word === 'ready')![1]);
      return sandbox;
    } catch (error) {
      await sandbox.end();
      throw error instanceof CommandFailure ? error : new CommandFailure(NOT_RUN, (error as Error).message);
    }
  }

  /** Lets the command begin. @returns its exit status once it has ended; 128 and its number for a signal, as shells do */
  async run(): Promise<number> {
    this.#orders.write('r');
    const [word, value] = await this.#report('the command was interrupted before it began');
    return word === 'killed' ? SIGNALLED + Number(value) : Number(value);
  }

  /** Ends all that still runs there. */
  async end(): Promise<void> {
    for (const signal of FORWARDED) process.off(signal, this.#forward);
    const { exitCode, signalCode, pid } = this.#helper;
    const ended =
      pid === undefined || exitCode !== null || signalCode !== null ? undefined : once(this.#helper, 'exit');
    this.#orders.end();
    await ended;
  }

  /** @param otherwise the error if there is none */
  async #report(otherwise = 'the command has no namespaces'): Promise<[word: string, value: string]> {
    const { value, done } = await this.#reports.next();
    if (done) throw new CommandFailure(NOT_RUN, otherwise);
    const [word = '', number = ''] = (value as string).split(' ');
    return [word, number];
  }
}
