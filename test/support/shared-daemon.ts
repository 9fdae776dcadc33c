import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import { Client } from './client.js';
import { Daemon } from './daemon.js';
import { eventually } from './eventually.js';
import { DOCKER_SOCKET } from './starts/engine-starts.js';

const DIRECTORY = '/run/hauberk-shared-daemon';
const PROCESS = join(DIRECTORY, 'pid');
const LOG = join(DIRECTORY, 'log');

/**
 * A daemon without flags that the test files of a virtual machine use one after the other: under emulation a start takes
 * longer than most tests. tools/test-queue ends it before files that start their own.
 */
export class SharedDaemon extends Daemon {
  #isUsed = false;

  constructor() {
    super(undefined, DIRECTORY);
  }

  override get log(): string {
    return readFileSync(LOG, 'utf8');
  }

  override get pid(): number {
    return Number(readFileSync(PROCESS, 'utf8'));
  }

  /**
   * Uses the daemon that an earlier test file has left, or starts one; all running containers are known then.
   *
   * @param blocking classes of accesses, such as `file`, for which the default posture is Block
   */
  override async start(...blocking: string[]): Promise<void> {
    const isLeft = this.#isRunning();
    // What an ended daemon of another file stored is not restored, nor missed: its witness lies beside it.
    if (!this.#isUsed && !isLeft) rmSync(DIRECTORY, { recursive: true, force: true });
    this.#isUsed = true;
    if (isLeft) await this.#knowsRunning();
    else await super.start();
    if (blocking.length > 0) await this.#setPosture(blocking);
  }

  override spawn(): ChildProcess {
    mkdirSync(DIRECTORY, { recursive: true });
    const log = openSync(LOG, 'w');
    const child = spawn(process.execPath, this.commandLine(), { stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    child.unref();
    writeFileSync(PROCESS, `${child.pid}`);
    return child;
  }

  override async end(signal: NodeJS.Signals): Promise<string> {
    process.kill(this.pid, signal);
    await eventually(() => !this.#isRunning(), 'hauberkd to end');
    return signal;
  }

  /** Deletes the policies and postures of this test file, and leaves the daemon, where one runs, to the next. */
  async release(): Promise<void> {
    if (!this.#isRunning()) return;
    await this.#setPosture([]);
    await this.#with((client) => client.call('PolicyService', 'SyncPolicies'));
  }

  async #setPosture(blocking: readonly string[]): Promise<void> {
    const postures = blocking.map((name) => ({
      class: `ACCESS_CLASS_${name.toUpperCase()}`,
      action: 'ACTION_BLOCK',
    }));
    await this.#with((client) => client.call('PolicyService', 'SetPosture', { namespace: 'default', postures }));
  }

  async #with(use: (client: Client) => Promise<void>): Promise<void> {
    const client = new Client(this.address);
    await use(client).finally(() => client.close());
  }

  #isRunning(): boolean {
    if (!existsSync(PROCESS)) return false;
    const program = join('/proc', `${this.pid}`, 'cmdline');
    return existsSync(program) && readFileSync(program, 'utf8').includes(DIRECTORY);
  }

  /** Waits until it knows the containers of Docker that run. */
  async #knowsRunning(): Promise<void> {
    if (!existsSync(DOCKER_SOCKET)) return;
    const running = (await new Docker({ socketPath: DOCKER_SOCKET }).listContainers()).map(({ Id }) => Id);
    await this.#with((client) =>
      eventually(async () => {
        const { containers } = await client.call('ContainerService', 'ListContainers');
        const known = new Set(containers.map(({ id }: { id: string }) => id));
        return running.every((id) => known.has(id));
      }, 'hauberkd to know all running containers'),
    );
  }
}
