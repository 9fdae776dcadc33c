import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Outcome } from './docker.js';

const END = 'end of output, status ';

/** A shell that stays, since under emulation to start one in a container takes longer than most scripts. */
export class Shell {
  protected readonly process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /**
   * @param command what starts a shell that reads its standard input
   * @param script how that shell starts another, which is given a script as its next argument
   */
  constructor(
    command: readonly string[],
    private readonly script: string,
  ) {
    const [program, ...parameters] = command;
    this.process = spawn(program!, parameters, {
      env: { ...process.env, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]();
  }

  /** Runs a script in a child shell. */
  async run(script: string): Promise<Outcome> {
    const quoted = script.replaceAll("'", `'\\''`);
    this.process.stdin!.write(`${this.script} '${quoted}' 2>&1 </dev/null; status=$?; echo; echo "${END}$status"\n`);
    let output = '';
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error(`the shell has ended: ${output}`);
      if (value.startsWith(END)) return { status: Number(value.slice(END.length)), output };
      output += `${value}\n`;
    }
  }

  async end(): Promise<void> {
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}
