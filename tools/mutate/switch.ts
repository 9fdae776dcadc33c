import { appendFileSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

/** Tells instrumented files which of their mutants is on, and notes which of them are come to. */

/** Whether a mutant of a file, counted from 0, is on. */
export type IsOn = (mutant: number) => boolean;

interface FileSwitch {
  /** The mutant that is on, or -1. */
  on: number;
  reached: Set<number>;
}

/** Names the mutant that is on, to threads and processes that a test starts. */
const ON = 'HAUBERK_MUTANT';
/** The file to which those write what they come to. */
const REACHED = 'HAUBERK_REACHED';

const files = new Map<string, FileSwitch>();
/** Whether this process runs tests, and is reported by the functions below; others have it from their environment. */
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

/** Makes this the process that runs tests. @param reached a file for what others come to */
export function becomeRunner(reached: string): void {
  isRunner = true;
  process.env[REACHED] = reached;
}

/** @param id of the one that is to be on, such as `src/store/store.ts#3`; undefined for none */
export function switchTo(id: string | undefined): void {
  const [name, mutant] = id?.split('#') ?? [];
  for (const [source, file] of files) file.on = source === name ? Number(mutant) : -1;
  if (id === undefined) delete process.env[ON];
  else process.env[ON] = id;
}

/** The mutants that were come to since the last time, in this thread. */
export function takeReached(): string[] {
  const found: string[] = [];
  for (const [source, file] of files) {
    for (const mutant of file.reached) found.push(`${source}#${mutant}`);
    file.reached.clear();
  }
  return found;
}
