import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';

/** A library that makes one system call fail: see fail-call.c. It has to be preloaded. */
const LIBRARY = fileURLToPath(new URL('fail-call.so', import.meta.url));

/**
 * Runs a program of this directory with the library.
 *
 * @returns what it has written, and its exit code
 */
export async function runWithFailingCalls(program: string, ...parameters: string[]) {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--enable-source-maps', fileURLToPath(new URL(program, import.meta.url)), ...parameters],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, LD_PRELOAD: LIBRARY } },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream!.on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  return { code: code as number | null, output };
}

/**
 * In a process with the library: runs a task once for each system call that it makes on files below a directory of its own,
 * and lets that call fail.
 *
 * @param seconds after which no further call is tried
 * @returns how many calls have failed
 */
export async function failEachCall(
  error: number,
  seconds: number,
  prepare: (round: number) => Promise<string>,
  task: (directory: string) => Promise<void>,
  check: (directory: string, call: string) => Promise<void>,
): Promise<number> {
  const library = koffi.load(LIBRARY);
  const failCall = library.func('void fail_call(const char *below, int number, int error)');
  const isFailureLeft = library.func('int is_failure_left()');
  const end = performance.now() + seconds * 1000;
  let calls = 0;
  for (; performance.now() < end; calls++) {
    const directory = await prepare(calls);
    failCall(directory, calls + 1, error);
    await task(directory);
    const wasLast = isFailureLeft() !== 0;
    failCall(directory, 0, error);
    await check(directory, `call ${calls + 1}`);
    if (wasLast) break;
  }
  return calls;
}
