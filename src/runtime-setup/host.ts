import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { Failure } from '../failure.js';

/** The files of a host: of this one, or of a tree that is below a directory (an image that is being built, a test). */
export class Host {
  constructor(readonly root = '/') {}

  /** Whether it is the machine this process runs on, whose processes and sockets may be asked. */
  get isThisMachine(): boolean {
    return this.root === '/';
  }

  /** Where a file of the host lies for this process. */
  at(path: string): string {
    return join(this.root, path);
  }

  /** The same with links followed as far as there are files, so that the file is written and no link replaced. */
  target(path: string): string {
    const real = realPath(path, this.at(path));
    const root = realpathSync(this.root);
    if (root !== '/' && real !== root && !real.startsWith(root + sep))
      throw new Failure('failed-precondition', `${path} leads out of ${this.root} by a link`);
    return real;
  }

  read(path: string): Buffer | undefined {
    try {
      return readFileSync(this.target(path));
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error instanceof Failure ? error : unreadable(path, error);
    }
  }

  readText(path: string): string | undefined {
    return this.read(path)?.toString('utf8');
  }

  exists(path: string): boolean {
    return statSync(this.at(path), { throwIfNoEntry: false }) !== undefined;
  }

  /** When the content of a file was last changed, in milliseconds. */
  modified(path: string): number | undefined {
    return statSync(this.at(path), { throwIfNoEntry: false })?.mtimeMs;
  }

  mode(path: string): number | undefined {
    const status = statSync(this.at(path), { throwIfNoEntry: false });
    return status && status.mode & 0o7777;
  }

  /** Names in a directory, sorted; none where it is missing. */
  list(path: string): string[] {
    try {
      return readdirSync(this.at(path)).sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw unreadable(path, error);
    }
  }
}

/** The files that a pattern with * and ? in its last part stands for, relative to a directory. */
export function filesMatching(host: Host, directory: string, pattern: string): string[] {
  const path = resolve(directory, pattern);
  const source = basename(path).replace(/[.*+?^${}()|[\]\\]/gu, '\\$&');
  const name = new RegExp(`^${source.replaceAll('\\*', '[^/]*').replaceAll('\\?', '[^/]')}$`, 'u');
  return host
    .list(dirname(path))
    .filter((entry) => name.test(entry))
    .map((entry) => join(dirname(path), entry));
}

function realPath(path: string, place: string): string {
  try {
    return realpathSync(place);
  } catch (error) {
    if (isMissing(error)) return join(realPath(path, dirname(place)), basename(place));
    throw unreadable(path, error);
  }
}

export function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function unreadable(path: string, error: unknown): Failure {
  return new Failure('failed-precondition', `${path} cannot be read: ${(error as Error).message}`, [], {
    cause: error,
  });
}
