import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runProgram } from '../../../src/cli/program.js';
import { type Ended, runHauberk, TestTerminal } from '../../support/command-line.js';
import { serveAll, temporaryDirectory } from '../rpc/support.js';

/** Runs the command with a flag for the daemon's address. */
export function run(address: string, parameters: readonly string[], input = ''): Promise<Ended> {
  return runHauberk(['--address', address, ...parameters], input);
}

/** An in-memory daemon, a directory for manifests, and the command for it. */
export async function start(t: TestContext) {
  const served = await serveAll(t);
  const directory = temporaryDirectory(t);
  const write = (name: string, text: string) => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };
  const { address } = served.server;
  const hauberk = (...parameters: string[]) => run(address, parameters);
  /** Starts a command that ends when it is interrupted. */
  const live = (parameters: readonly string[], options: { outIsTerminal?: boolean; columns?: number } = {}) => {
    const terminal = new TestTerminal(options);
    const ended = runProgram(['--address', address, ...parameters], terminal);
    return { terminal, ended };
  };
  return { ...served, directory, write, hauberk, live };
}

export const web = {
  id: 'c1deadbeef',
  name: 'web-1',
  namespace: 'default',
  labels: { app: 'web' },
  origin: 'registered',
} as const;
