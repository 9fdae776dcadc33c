import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { EXIT } from './exit-status.js';

/** The input and output of a command, and its exit status: the process's own streams, or those of a test. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** All of standard input. */
  input(): string;
  /** Asks the user; undefined if there is nobody to ask. */
  ask(question: string): Promise<string | undefined>;
  /** Whether the output is a terminal. */
  readonly outIsTerminal: boolean;
  readonly errIsTerminal: boolean;
  readonly columns: number;
  /** Aborted when the user interrupts the command; from the first use on it no longer ends by itself. */
  readonly interrupted: AbortSignal;
  /** The exit status of a command that has done its work; failures are thrown instead. */
  exitStatus: number;
}

class ProcessTerminal implements Terminal {
  exitStatus: number = EXIT.ok;
  #interrupted: AbortController | undefined;

  out(text: string): void {
    process.stdout.write(text);
  }

  err(text: string): void {
    process.stderr.write(text);
  }

  input(): string {
    return readFileSync(0, 'utf8');
  }

  async ask(question: string): Promise<string | undefined> {
    if (!process.stdin.isTTY) return undefined;
    const questions = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await questions.question(question);
    } finally {
      questions.close();
    }
  }

  get outIsTerminal(): boolean {
    return process.stdout.isTTY === true;
  }

  get errIsTerminal(): boolean {
    return process.stderr.isTTY === true;
  }

  get columns(): number {
    return process.stdout.columns ?? 80;
  }

  get interrupted(): AbortSignal {
    if (this.#interrupted === undefined) {
      const controller = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
      this.#interrupted = controller;
    }
    return this.#interrupted.signal;
  }
}

const ofProcess = new ProcessTerminal();
const current = new AsyncLocalStorage<Terminal>();

/** That of the command that runs. */
export function terminal(): Terminal {
  return current.getStore() ?? ofProcess;
}

/** Runs a task with a terminal of its own, so that several commands can run in one process. */
export function withTerminal<Result>(its: Terminal, task: () => Promise<Result>): Promise<Result> {
  return current.run(its, task);
}
