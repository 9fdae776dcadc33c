import { runProgram } from '../../src/cli/program.js';
import type { Terminal } from '../../src/cli/terminal.js';

export interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** Stands for a user's terminal, and keeps what is written to it. */
export class TestTerminal implements Terminal {
  output = '';
  errors = '';
  exitStatus = 0;
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  readonly columns: number;
  readonly #interrupt = new AbortController();
  readonly #input: string;

  constructor({ input = '', outIsTerminal = false, errIsTerminal = false, columns = 80 } = {}) {
    this.errIsTerminal = errIsTerminal;
    this.columns = columns;
    this.#input = input;
    this.outIsTerminal = outIsTerminal;
  }

  out(text: string): void {
    this.output += text;
  }

  err(text: string): void {
    this.errors += text;
  }

  input(): string {
    return this.#input;
  }

  get interrupted(): AbortSignal {
    return this.#interrupt.signal;
  }

  interrupt(): void {
    this.#interrupt.abort();
  }
}

/** Runs the command in this process, as a shell would run it in one of its own. */
export async function runHauberk(parameters: readonly string[], input = ''): Promise<Ended> {
  const terminal = new TestTerminal({ input });
  const status = await runProgram(parameters, terminal);
  return { status, output: terminal.output, errors: terminal.errors };
}
