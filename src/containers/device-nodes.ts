import { lstatSync, readFileSync } from 'node:fs';

/** A device node at a path of a container. */
export interface DeviceNode {
  readonly path: string;
  readonly type: 'character' | 'block';
  readonly major: number;
  readonly minor: number;
}

/** Filesystems that ask somebody else, who may never answer. */
const ASKS_OTHERS = /^(?:fuse|nfs|cifs|smb|9p|ceph|afs|autofs|virtiofs)/u;
const DEVICES = '/dev/';

/**
 * Which of these paths are device nodes for a process. What its root has no node of is looked for among the host's
 * devices: until a runtime has switched the process to its root, and for whoever makes a node that is missing.
 *
 * @param host where the root of the host lies
 */
export function deviceNodes(process: number, paths: readonly string[], host = '/proc/1/root'): DeviceNode[] {
  const slow = slowPlaces(process);
  return paths.flatMap((path) => {
    const isSlow = slow.some((place) => path === place || path.startsWith(`${place}/`));
    return (
      (isSlow ? undefined : nodeAt(`/proc/${process}/root`, path)) ??
      (path.startsWith(DEVICES) ? nodeAt(host, path) : undefined) ??
      []
    );
  });
}

/** No link is followed, so none leads out of the root, or to a place that is slow. */
function nodeAt(root: string, path: string): DeviceNode | undefined {
  try {
    for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1))
      if (!lstatSync(root + path.slice(0, end)).isDirectory()) return undefined;
    const found = lstatSync(root + path);
    if (!found.isCharacterDevice() && !found.isBlockDevice()) return undefined;
    const type = found.isBlockDevice() ? 'block' : 'character';
    return {
      path,
      type,
      major: (found.rdev >>> 8) & 0xfff,
      minor: (found.rdev & 0xff) | ((found.rdev >>> 12) & 0xfff00),
    };
  } catch {
    return undefined;
  }
}

function slowPlaces(process: number): string[] {
  let mounts: string;
  try {
    mounts = readFileSync(`/proc/${process}/mountinfo`, 'utf8');
  } catch {
    return [''];
  }
  return mounts.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const place = before.split(' ')[4];
    if (place === undefined || !ASKS_OTHERS.test(after)) return [];
    const path = place.replace(/\\(\d{3})/gu, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
    return [path === '/' ? '' : path];
  });
}
