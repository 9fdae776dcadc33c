import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Decides which mutant of instrumented files is active, and notes which are reached. */

/** Whether a mutant of a file, counted from 0, is active. */
export type IsOn = (mutant: number) => boolean;

interface FileSwitch {
  /** The active mutant, or -1. */
  on: number;
  reached: Set<number>;
}

/** The environment variable with the active mutant, for threads and processes that tests start. */
const ON = 'HAUBERK_MUTANT';
/** The environment variable with the file to which those write the mutants they reach. */
const REACHED = 'HAUBERK_REACHED';

const files = new Map<string, FileSwitch>();
/** Whether this process runs tests and reports by `takeReached`; others write to the file of REACHED. */
let isRunner = false;

/** Called by each instrumented file as it is loaded. */
export function switchOf(source: string): IsOn {
  const [name, mutant] = process.env[ON]?.split('#') ?? [];
  const file: FileSwitch = { on: name === source ? Number(mutant) : -1, reached: new Set() };
  files.set(source, file);
  return (each) => {
    if (!file.reached.has(each)) {
      file.reached.add(each);
      const kept = process.env[REACHED];
      if (kept !== undefined && !(isRunner && isMainThread)) appendFileSync(kept, `${source}#${each}\n`);
    }
    return file.on === each;
  };
}

/** Makes this the process that runs tests. @param reached a file for the mutants that others reach */
export function becomeRunner(reached: string): void {
  isRunner = true;
  process.env[REACHED] = reached;
}

/** @param id the mutant to activate, such as `src/store/store.ts#3`; undefined for none */
export function switchTo(id: string | undefined): void {
  const [name, mutant] = id?.split('#') ?? [];
  for (const [source, file] of files) file.on = source === name ? Number(mutant) : -1;
  if (id === undefined) delete process.env[ON];
  else process.env[ON] = id;
}

/** The mutants that were reached since the last call, in this thread. */
export function takeReached(): string[] {
  const found: string[] = [];
  for (const [source, file] of files) {
    for (const mutant of file.reached) found.push(`${source}#${mutant}`);
    file.reached.clear();
  }
  return found;
}
