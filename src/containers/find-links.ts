import { readdirSync } from 'node:fs';
import { posix } from 'node:path';
import type { FoldedPlace } from '../policy/folding.js';
import { CaseFoldingDirectories } from './case-folding.js';
import { mountAliases } from './mount-aliases.js';
import { slowPathsOf } from './mounts.js';
import type { ProcessFiles } from './process-files.js';
import { type ResolvedPath, resolvePath } from './symbolic-links.js';

/** The files of a container that rules name. */
export interface NamedPaths {
  readonly paths: ReadonlySet<string>;
  /** Those of them that are programs. */
  readonly programs: ReadonlySet<string>;
}

/** Symbolic links along paths of a container, and other reasons why several names lead to one file. */
export interface FoundLinks {
  /** By their names, where they lead. */
  readonly links: Readonly<Record<string, string>>;
  /** Programs to which other names than the one that was followed lead as well. */
  readonly shared: readonly string[];
  /** By path: the link on its way that the host changes, so that it was not followed. */
  readonly changing: Readonly<Record<string, string>>;
  /** By path: another name that a second mount gives it. */
  readonly mountedTwice: ReadonlyMap<string, string>;
  /** Directories on the way in which several names are treated as one. */
  readonly folded: readonly FoldedPlace[];
}

/** Where other names of a program are looked for. */
const PROGRAM_DIRECTORIES = ['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];
/** Kubernetes points it at another directory when the files change. */
const CHANGED_BY_HOST = '..data';

/** Looks for the symbolic links on the ways of paths. */
export function findLinks({ root, mounts }: ProcessFiles, { paths, programs }: NamedPaths): FoundLinks {
  const links: Record<string, string> = {};
  const shared = new Set<string>();
  const changing: Record<string, string> = {};
  const isSlow = slowPathsOf(mounts);
  const folded = new CaseFoldingDirectories(root, mounts);
  const follow = (path: string) => resolvePath(root, path, (place) => !isSlow(place));
  const names = new ProgramNames(root, follow);
  for (const path of paths) {
    const way = follow(path);
    if (way !== undefined && !isSlow(way.path)) folded.look(way.path);
    if (way === undefined || way.links.length === 0) continue;
    const moving = way.links.find(([link]) => posix.basename(link) === CHANGED_BY_HOST);
    if (moving !== undefined) {
      changing[path] = posix.dirname(moving[0]);
      continue;
    }
    for (const [link, target] of way.links) links[link] = target;
    if (programs.has(path) && names.leadElsewhere(way, path)) shared.add(way.path);
  }
  const mountedTwice = mountAliases(mounts, paths);
  return { links, shared: [...shared].sort(), changing, mountedTwice, folded: folded.all };
}

/** The names that symbolic links give programs. */
class ProgramNames {
  /** By directory: of each link in it, what it is called and where it leads. */
  readonly #directories = new Map<string, readonly (readonly [name: string, path: string])[]>();

  constructor(
    readonly root: string,
    readonly follow: (path: string) => ResolvedPath | undefined,
  ) {}

  /** Whether another name than those on its way leads to the same program. */
  leadElsewhere({ path: target, links }: ResolvedPath, path: string): boolean {
    const own = new Set([path, target, ...links.flat()].map((each) => posix.basename(each)));
    const directories = [...links.map(([link]) => posix.dirname(link)), posix.dirname(target), ...PROGRAM_DIRECTORIES];
    const places = new Set(directories.map((directory) => this.follow(directory)?.path ?? directory));
    return [...places].some((place) => this.#in(place).some(([name, leads]) => leads === target && !own.has(name)));
  }

  #in(directory: string): readonly (readonly [string, string])[] {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    let found: (readonly [string, string])[] = [];
    try {
      found = readdirSync(this.root + directory, { withFileTypes: true })
        .filter((entry) => entry.isSymbolicLink())
        .map(({ name }) => [name, this.follow(posix.join(directory, name))?.path ?? ''] as const);
    } catch {
      // There is no such directory.
    }
    this.#directories.set(directory, found);
    return found;
  }
}
