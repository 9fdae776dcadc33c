import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { NamespacePair } from '../../src/containers/container.js';

/** The directory in which groups/virtual-machine.ts compiles the programs. */
const BUILD = 'build/bench/vm';
const PROGRAM = 'system-calls';
const PROGRAM_RUN = 'nothing';

export const SYSTEM_CALLS = ['open', 'fork', 'exec', 'connect', 'unlink', 'write', 'shell'] as const;
export type SystemCall = (typeof SYSTEM_CALLS)[number];

/** A process that times system calls on request. */
export class SystemCalls {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  }

  /**
   * @param path a file to open; names of other files start with it
   * @param command a command that runs the process in another environment, such as `unshare` with flags
   */
  static async start(path: string, command: readonly string[] = []): Promise<SystemCalls> {
    const run = `${path}-${PROGRAM_RUN}`;
    if (!existsSync(run)) copyFileSync(join(BUILD, PROGRAM_RUN), run);
    const [first, ...others] = [...command, join(BUILD, PROGRAM), path, path, run];
    const started = new SystemCalls(spawn(first!, others, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await started.#answer();
    return started;
  }

  /** Namespaces of the processes that the command starts. */
  get childNamespaces(): NamespacePair {
    const inode = (name: string) => statSync(`/proc/${this.#process.pid}/ns/${name}`).ino;
    return { pidNamespace: inode('pid_for_children'), mountNamespace: inode('mnt') };
  }

  /** Nanoseconds that each of `count` calls took on average. */
  async time(call: SystemCall, count: number): Promise<number> {
    return Number(await this.#ask(`${call} ${count}`));
  }

  /** The errno of opening a file for reading, or 0. */
  async read(path: string): Promise<number> {
    return Number(await this.#ask(`read ${path}`));
  }

  /** Opens a file for reading until that is refused. @returns nanoseconds of CLOCK_MONOTONIC */
  async whenRefused(path: string): Promise<bigint> {
    return BigInt(await this.#ask(`refused ${path}`));
  }

  async end(): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.stdin!.end();
    await ended;
  }

  #ask(question: string): Promise<string> {
    this.#process.stdin!.write(`${question}\n`);
    return this.#answer();
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${PROGRAM} ended`);
    return value;
  }
}
