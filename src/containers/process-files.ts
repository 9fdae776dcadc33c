import { statSync } from 'node:fs';
import { isWithin, type MountedPlace, mountAt, mountsOf } from './mounts.js';
import { resolvePath } from './symbolic-links.js';

/** Where a container's files are seen, and what is mounted where among them. */
export interface ProcessFiles {
  readonly root: string;
  readonly mounts: readonly MountedPlace[];
}

/**
 * The files of a process of a container, before and after its runtime has switched it to the container's root.
 *
 * @param below see Container.rootBefore
 * @param host where the root of the host lies
 */
export function filesOf(process: number, below?: string, host = '/proc/1/root'): ProcessFiles {
  if (below !== undefined && isStillIn(process, host)) return filesBelow(process, below);
  return { root: `/proc/${process}/root`, mounts: mountsOf(process) };
}

/** The files below a directory of a process, with all that is mounted there for it, as if the directory were its root. */
export function filesBelow(process: number, directory: string): ProcessFiles {
  const root = `/proc/${process}/root`;
  // Mounts are listed by paths without links.
  const resolved = resolvePath(root, directory)?.path ?? directory;
  const place = resolved === '/' ? '' : resolved;
  return { root: root + place, mounts: mountsBelow(mountsOf(process), place) };
}

/** The mounts that are seen from a directory, by their places below it. */
export function mountsBelow(mounts: readonly MountedPlace[], directory: string): MountedPlace[] {
  const inside = mounts
    .filter(({ place }) => isWithin(place, directory))
    .map((mount) => ({ ...mount, place: mount.place.slice(directory.length) }));
  const holder = mountAt(mounts, directory);
  if (holder === undefined || holder.place === directory) return inside;
  return [{ ...holder, place: '', root: holder.root + directory.slice(holder.place.length) }, ...inside];
}

/** Whether the root of a process is the one of the host, which lies there. @throws Error where either cannot be looked at */
export function hasRootOfHost(process: number, host: string): boolean {
  const [own, other] = [`/proc/${process}/root/`, `${host}/`].map((path) => statSync(path, { bigint: true }));
  return own!.dev === other!.dev && own!.ino === other!.ino;
}

function isStillIn(process: number, host: string): boolean {
  try {
    return hasRootOfHost(process, host);
  } catch {
    return false;
  }
}
