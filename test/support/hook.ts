import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';

export const HOOK = 'build/hook/hauberk-hook';

export interface HookRequest {
  readonly version: number;
  readonly runtime: string;
  readonly on_failure: string;
  readonly deadline_ms: number;
  readonly state: { readonly id: string; readonly pid: number; readonly bundle: string; readonly status: string };
}

/** The daemon's reply to a request; null sends nothing and leaves the connection open. */
export type Reply = string | null | ((request: HookRequest) => Promise<string>);

export interface Ended {
  readonly status: number;
  readonly output: string;
  readonly milliseconds: number;
}

/** A directory with the hook's configuration and a state directory, and a stand-in for the daemon at its socket. */
export class HookFixture {
  readonly directory = mkdtempSync('/tmp/hauberk-hook-');
  readonly config = join(this.directory, 'hook.conf');
  readonly socket = join(this.directory, 'hook.sock');
  readonly stateDirectory = join(this.directory, 'state');
  readonly requests: HookRequest[] = [];
  private server: Server | undefined;

  constructor() {
    mkdirSync(this.stateDirectory);
    this.configure();
  }

  configure(...lines: string[]): void {
    const places = [`socket = ${this.socket}`, `state_directory = ${this.stateDirectory}`];
    writeFileSync(this.config, `${[...places, ...lines].join('\n')}\n`);
  }

  async answer(reply: Reply): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (connection) => {
      const parts: Buffer[] = [];
      connection.on('data', (part) => parts.push(part));
      connection.on('error', () => connection.destroy());
      connection.on('end', async () => {
        const request = JSON.parse(Buffer.concat(parts).toString()) as HookRequest;
        this.requests.push(request);
        const text = typeof reply === 'function' ? await reply(request) : reply;
        if (text !== null) connection.end(text);
      });
    });
    await new Promise<void>((resolve) => server.listen(this.socket, resolve));
    this.server = server;
  }

  hook(runtime: string, state: object | string): Promise<Ended> {
    const text = typeof state === 'string' ? state : JSON.stringify(state);
    return run([HOOK, '--runtime', runtime, '--config', this.config], text);
  }

  /** The lines about starts without protection that the hook has left for the daemon. */
  recorded(): Record<string, unknown>[] {
    const file = join(this.stateDirectory, 'starts-without-protection.jsonl');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }

  remove(): void {
    this.server?.close();
    this.server?.unref();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Runs a program to its end. */
export function run(command: readonly string[], input = '', options: { cwd?: string } = {}): Promise<Ended> {
  const began = performance.now();
  const child = spawn(command[0]!, command.slice(1), { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (output += part));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status: status ?? -1, output, milliseconds: performance.now() - began });
    });
  });
}
