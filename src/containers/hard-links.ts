import { type BigIntStats, type Dir, type Dirent, lstatSync, opendirSync } from 'node:fs';
import { isStep, type Steps } from '../steps.js';
import { slowPathsOf } from './mounts.js';
import type { ProcessFiles } from './process-files.js';
import { leadsThroughDirectories } from './real-directories.js';

/** Files below a directory that hard links give names elsewhere. */
export interface LinkedElsewhere {
  readonly count: number;
  /** One of them, and how many names it has in all. */
  readonly path: string;
  readonly links: bigint;
}

/** How many names may still be looked at. */
export interface SearchBudget {
  left: number;
}

interface Found {
  readonly path: string;
  readonly links: bigint;
  /** How many of them were found. */
  seen: bigint;
}

/**
 * Looks for the files below a directory of a container that have names elsewhere. No symbolic link is followed, and nothing
 * is read on network and FUSE filesystems.
 *
 * @param files asked again and again, since a container may mount something meanwhile
 * @param directory with a slash at its end
 * @param budget what the search takes is taken from it
 * @returns undefined if there are none, or if the budget did not suffice to tell
 */
export function* findLinkedElsewhere(
  files: () => ProcessFiles,
  directory: string,
  isRecursive: boolean,
  budget: SearchBudget,
): Steps<LinkedElsewhere | undefined> {
  const found = new Map<string, Found>();
  const waiting = [directory];
  let names = 0;
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const seen = files();
    if (!canBeRead(seen, next)) continue;
    for (const entry of entriesOf(seen.root + next)) {
      if (budget.left-- <= 0) return undefined;
      if (entry.isDirectory() && isRecursive) waiting.push(`${next}${entry.name}/`);
      else if (entry.isFile()) note(found, seen.root, next + entry.name);
      if (!isStep(++names)) continue;
      yield;
      if (!canBeRead(files(), next)) break;
    }
    yield;
  }
  const elsewhere = [...found.values()].filter(({ seen, links }) => seen < links);
  const [first] = elsewhere;
  return first && { count: elsewhere.length, path: first.path, links: first.links };
}

/** Whether a directory can be read soon, and is still what it was when it was found. */
function canBeRead({ root, mounts }: ProcessFiles, directory: string): boolean {
  return !slowPathsOf(mounts)(directory.slice(0, -1)) && leadsThroughDirectories(root, directory);
}

/** Read little by little, since a container may have put any number there; up to where it cannot be read. */
function* entriesOf(directory: string): Generator<Dirent> {
  let opened: Dir | undefined;
  try {
    opened = opendirSync(directory);
    for (let entry = opened.readSync(); entry !== null; entry = opened.readSync()) yield entry;
  } catch {
    return;
  } finally {
    opened?.closeSync();
  }
}

/** Undefined also where a container has made a path that cannot be looked up, such as one that is too long. */
function statusOf(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true });
  } catch {
    return undefined;
  }
}

function note(found: Map<string, Found>, root: string, path: string): void {
  const status = statusOf(root + path);
  if (status === undefined || !status.isFile() || status.nlink <= 1n) return;
  const number = `${status.dev}:${status.ino}`;
  const known = found.get(number) ?? { path, links: status.nlink, seen: 0n };
  known.seen++;
  found.set(number, known);
}
