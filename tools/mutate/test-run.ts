import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

export type Outcome = 'passed' | 'failed' | 'out of time';

/** A copy of the tree whose built JavaScript can be changed; all else is the original. */
export function copyTree(directory: string): void {
  mkdirSync(join(directory, 'build'), { recursive: true });
  for (const name of readdirSync('.')) {
    if (name !== 'build') symlinkSync(join(process.cwd(), name), join(directory, name));
  }
  for (const name of readdirSync('build')) {
    const [from, to] = [join(process.cwd(), 'build', name), join(directory, 'build', name)];
    if (name === 'src' || name === 'test') cpSync(from, to, { recursive: true });
    else symlinkSync(from, to);
  }
}

/**
 * Runs one test file in a copy of the tree and ends with the first test that fails.
 *
 * @param limit milliseconds
 */
export function runTest(tree: string, file: string, limit: number, environment: NodeJS.ProcessEnv = {}) {
  return new Promise<Outcome>((resolve) => {
    // A group of its own, so that whatever the test has started ends with it.
    const child = spawn(process.execPath, ['--test-reporter=tap', file], {
      cwd: tree,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, ...environment },
    });
    let outcome: Outcome | undefined;
    const end = (why: Outcome) => {
      outcome ??= why;
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    };
    const timer = setTimeout(() => end('out of time'), limit);
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      rest = (rest + text).slice(-10_000);
      if (/^\s*not ok /mu.test(rest)) end('failed');
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      end(code === 0 ? 'passed' : 'failed');
      resolve(outcome!);
    });
  });
}
