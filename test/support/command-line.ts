import { runProgram } from '../../src/cli/program.js';
import type { Terminal } from '../../src/cli/terminal.js';

export interface Ended {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

interface Options {
  readonly input?: string;
  /** The user's answer to prompts; when left out, there is nobody to ask. */
  readonly answer?: string;
  readonly outIsTerminal?: boolean;
  readonly errIsTerminal?: boolean;
  readonly columns?: number;
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
  readonly #answer: string | undefined;

  constructor({ input = '', answer, outIsTerminal = false, errIsTerminal = false, columns = 80 }: Options = {}) {
    this.#answer = answer;
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

  async ask(): Promise<string | undefined> {
    return this.#answer;
  }

  get interrupted(): AbortSignal {
    return this.#interrupt.signal;
  }

  interrupt(): void {
    this.#interrupt.abort();
  }
}

/** Runs the command in this process, as a shell would run it in one of its own. */
export async function runHauberk(parameters: readonly string[], input = '', answer?: string): Promise<Ended> {
  const terminal = new TestTerminal({ input, ...(answer !== undefined && { answer }) });
  const status = await runProgram(parameters, terminal);
  return { status, output: terminal.output, errors: terminal.errors };
}
