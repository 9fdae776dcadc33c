import { readFileSync } from 'node:fs';

/** Filesystems that depend on another process or host, which may never answer. */
const MAY_WAIT_FOR_OTHERS = /^(?:fuse|nfs|cifs|smb|9p|ceph|afs|autofs|virtiofs)/u;

export interface MountedPlace {
  /** Without a slash at its end: empty for the root. */
  readonly place: string;
  /** As /proc/filesystems has it; behind a dot a kind of it. */
  readonly type: string;
  /** Numbers of the filesystem's device. */
  readonly device: string;
  /** The part of the filesystem that is mounted, written likewise. */
  readonly root: string;
}

/**
 * A function that says whether a path is on such a filesystem for a process with these mounts; true for all paths if
 * its mounts could not be read.
 */
export function slowPathsOf(mounts: readonly MountedPlace[]): (path: string) => boolean {
  if (mounts.length === 0) return () => true;
  const places = mounts.filter(({ type }) => MAY_WAIT_FOR_OTHERS.test(type)).map(({ place }) => place);
  return (path) => places.some((place) => isWithin(path, place));
}

/**
 * The mount that a path is on; undefined for one that is on none.
 *
 * @param mounts in the order in which they were made
 */
export function mountAt(mounts: readonly MountedPlace[], path: string): MountedPlace | undefined {
  let nearest: MountedPlace | undefined;
  // Of several mounts at one place the last one is visible.
  for (const mount of mounts)
    if (isWithin(path, mount.place) && mount.place.length >= (nearest?.place.length ?? 0)) nearest = mount;
  return nearest;
}

/** Whether a path is another one, or is below it. */
export function isWithin(path: string, other: string): boolean {
  return path === other || path.startsWith(`${other}/`);
}

/** The mounts of a process, in the order in which they were made; empty if they cannot be read. */
export function mountsOf(process: number): MountedPlace[] {
  let mounts: string;
  try {
    mounts = readFileSync(`/proc/${process}/mountinfo`, 'utf8');
  } catch {
    return [];
  }
  return mounts.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , device, root, place] = before.split(' ');
    if (device === undefined || root === undefined || place === undefined) return [];
    return [{ place: unescaped(place), type: after.split(' ')[0]!, device, root: unescaped(root) }];
  });
}

function unescaped(text: string): string {
  const path = text.replace(/\\(\d{3})/gu, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
  return path === '/' ? '' : path;
}
