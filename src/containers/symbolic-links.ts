import { readlinkSync } from 'node:fs';
import { posix } from 'node:path';

/** As many as the kernel follows. */
const LINKS_MAX = 40;
/** Links there lead to different places for each process. */
const PROC = /^\/proc(?:\/|$)/u;

/** Where a path leads, and by which symbolic links. */
export interface ResolvedPath {
  /** The path that the kernel has for what is there, or would have. */
  readonly path: string;
  /** Each link on the way, by a name without links before it, and where it leads. */
  readonly links: readonly (readonly [link: string, target: string])[];
}

/**
 * Follows the symbolic links on the way of a path within a root, never out of it. What does not exist counts as no
 * link.
 *
 * @param root where the root is seen, without a slash at the end: empty for this process's own
 * @param mayLookAt whether a path may be read: others count as no link
 * @returns undefined if the links form a loop
 */
export function resolvePath(root: string, path: string, mayLookAt = (_path: string) => true): ResolvedPath | undefined {
  const links: (readonly [string, string])[] = [];
  const left = partsOf(path).reverse();
  let here = '';
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (part === '..') {
      here = posix.dirname(here || '/').replace(/^\/$/u, '');
      continue;
    }
    const next = `${here}/${part}`;
    const target = mayLookAt(next) ? targetOf(root, next) : undefined;
    if (target === undefined) {
      here = next;
      continue;
    }
    if (links.length === LINKS_MAX) return undefined;
    links.push([next, posix.resolve(here || '/', target)]);
    if (target.startsWith('/')) here = '';
    left.push(...partsOf(target).reverse());
  }
  return { path: here || '/', links };
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function targetOf(root: string, path: string): string | undefined {
  if (PROC.test(path)) return undefined;
  try {
    return readlinkSync(root + path);
  } catch {
    return undefined;
  }
}
