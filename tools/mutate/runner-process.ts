import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Answer, Request } from './runner.js';

/** Seconds of processor time, and of waiting, that a request may take beyond what is expected. */
const SPARE_PROCESSOR_SECONDS = 4;
const SPARE_SECONDS = 30;
const LOOK_MILLISECONDS = 200;
/** The unit of /proc/PID/stat, the same on all supported architectures. */
const TICKS_PER_SECOND = 100;

/** A process that runs test cases in an instrumented tree; started when needed, and ended when it hangs. */
export class RunnerProcess {
  #child: ChildProcess | undefined;

  constructor(readonly tree: string) {}

  /**
   * @param seconds processor time that it takes without a mutant
   * @returns undefined when it hangs or ends without an answer
   */
  async run(request: Request, seconds: number): Promise<Answer | undefined> {
    const child = this.#child ?? this.#start();
    const before = processorSeconds(child.pid!);
    const start = performance.now();
    const answer = await new Promise<Answer | undefined>((resolve) => {
      const timer = setInterval(() => {
        const isOver =
          processorSeconds(child.pid!) - before > SPARE_PROCESSOR_SECONDS + 4 * seconds ||
          performance.now() - start > 1000 * (SPARE_SECONDS + 10 * seconds);
        if (isOver) end(undefined);
      }, LOOK_MILLISECONDS);
      const onExit = () => end(undefined);
      const end = (result: Answer | undefined) => {
        clearInterval(timer);
        child.off('exit', onExit).off('message', end);
        resolve(result);
      };
      child.once('exit', onExit).once('message', end);
      child.send(request, () => undefined);
    });
    if (answer === undefined) this.stop();
    return answer;
  }

  /** Starts a fresh process. @param mutant one that is active even while files are loaded */
  restart(mutant?: string): void {
    this.stop();
    this.#start(mutant);
  }

  stop(): void {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    try {
      // The whole group, so that processes that tests have started end too.
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended already.
    }
  }

  #start(mutant?: string): ChildProcess {
    const atLoad = mutant === undefined ? {} : { HAUBERK_MUTANT: mutant, HAUBERK_MUTANT_AT_LOAD: 'yes' };
    const child = spawn(
      process.execPath,
      ['--max-old-space-size=2000', 'build/tools/mutate/runner.js', join(this.tree, 'reached')],
      {
        cwd: this.tree,
        detached: true,
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        env: { ...process.env, TMPDIR: join(this.tree, 'tmp'), ...atLoad },
      },
    );
    this.#child = child;
    return child;
  }
}

/** 0 for a process that has ended. */
function processorSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return 0;
  }
}
