import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Client } from './client.js';
import type { Outcome } from './docker.js';

const END = 'end of output, status ';

/** A shell as process 1 of its own mount and PID namespaces: in effect a container, and quick to start and use. */
export class NamespacedShell {
  readonly #maker: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor() {
    const shell = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '/bin/bash', '--norc'];
    this.#maker = spawn('unshare', shell, { env: { ...process.env, LC_ALL: 'C' }, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#maker.stdout! })[Symbol.asyncIterator]();
  }

  /** A shell that is registered as a container of this name, which is also the value of its label `app`. */
  static async registered(client: Client, name: string): Promise<NamespacedShell> {
    const shell = new NamespacedShell();
    await shell.run('true');
    const container = { id: name, name, labels: { app: name }, pid: shell.pid };
    await client.call('ContainerService', 'RegisterContainer', container);
    return shell;
  }

  /** The shell's process id on the host; known once it has answered. */
  get pid(): number {
    const { pid } = this.#maker;
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
  }

  /** Runs a script in a child shell. */
  async run(script: string): Promise<Outcome> {
    const quoted = script.replaceAll("'", `'\\''`);
    this.#maker.stdin!.write(
      `/bin/bash --norc -c '${quoted}' 2>&1 </dev/null; status=$?; echo; echo "${END}$status"\n`,
    );
    let output = '';
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the shell has ended: ${output}`);
      if (value.startsWith(END)) return { status: Number(value.slice(END.length)), output };
      output += `${value}\n`;
    }
  }

  async end(): Promise<void> {
    this.#maker.kill('SIGKILL');
    await once(this.#maker, 'exit');
  }
}
