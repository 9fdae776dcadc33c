import { readFileSync } from 'node:fs';

/** Filesystems that ask somebody else, who may never answer. */
const ASKS_OTHERS = /^(?:fuse|nfs|cifs|smb|9p|ceph|afs|autofs|virtiofs)/u;

export interface MountedPlace {
  /** Without a slash at its end: empty for the root. */
  readonly place: string;
  /** As /proc/filesystems has it; behind a dot a kind of it. */
  readonly type: string;
}

/** Tells of each path whether a process has such a filesystem there; of all paths where its mounts cannot be read. */
export function slowIn(process: number): (path: string) => boolean {
  const mounts = mountsOf(process);
  if (mounts.length === 0) return () => true;
  const places = mounts.filter(({ type }) => ASKS_OTHERS.test(type)).map(({ place }) => place);
  return (path) => places.some((place) => path === place || path.startsWith(`${place}/`));
}

/** What a process has mounted, in the order in which it was; nothing where that cannot be read. */
export function mountsOf(process: number): MountedPlace[] {
  let mounts: string;
  try {
    mounts = readFileSync(`/proc/${process}/mountinfo`, 'utf8');
  } catch {
    return [];
  }
  return mounts.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const place = before.split(' ')[4];
    if (place === undefined) return [];
    const path = place.replace(/\\(\d{3})/gu, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    return [{ place: path === '/' ? '' : path, type: after.split(' ')[0]! }];
  });
}
