import { lstatSync } from 'node:fs';
import { type MountedPlace, mountAt, slowPathsOf } from './mounts.js';
import type { ProcessFiles } from './process-files.js';
import { leadsThroughDirectories } from './real-directories.js';

/** A device node at a path of a container, or a file that has other names as well. */
export interface DeviceNode {
  readonly path: string;
  readonly type: 'character' | 'block' | 'file';
  /** Of a file, those of its filesystem. */
  readonly major: number;
  readonly minor: number;
  /** Of a file. */
  readonly inode?: bigint;
}

const DEVICES = '/dev/';

/**
 * Which of these paths are device nodes for a process, or files with several hard links. Nodes that its root does not
 * have are looked for among the host's devices: for the time until a runtime has switched the process to its root, and
 * for nodes that are made later.
 *
 * @param host where the root of the host lies
 */
export function deviceNodes(
  { root, mounts }: ProcessFiles,
  paths: readonly string[],
  host = '/proc/1/root',
): DeviceNode[] {
  const isSlow = slowPathsOf(mounts);
  return paths.flatMap((path) => {
    return (
      (isSlow(path) ? undefined : nodeAt(root, path, mounts)) ??
      (path.startsWith(DEVICES) ? nodeAt(host, path, []) : undefined) ??
      []
    );
  });
}

/** No link is followed, so none leads out of the root, or to a slow filesystem. */
function nodeAt(root: string, path: string, mounts: readonly MountedPlace[]): DeviceNode | undefined {
  if (!leadsThroughDirectories(root, path)) return undefined;
  try {
    const found = lstatSync(root + path, { bigint: true });
    if (found.isFile() && found.nlink > 1n) {
      const device = mountAt(mounts, path)?.device;
      if (device === undefined) return undefined;
      return { path, type: 'file', ...numbersIn(device), inode: found.ino };
    }
    if (!found.isCharacterDevice() && !found.isBlockDevice()) return undefined;
    return { path, type: found.isBlockDevice() ? 'block' : 'character', ...numbersOf(found.rdev) };
  } catch {
    return undefined;
  }
}

/**
 * As mounts have it: the kernel knows a file by it. stat(2) reports others for subvolumes of btrfs, and for the layers of
 * an overlay.
 */
function numbersIn(device: string): { major: number; minor: number } {
  const [major, minor] = device.split(':').map(Number);
  return { major: major!, minor: minor! };
}

/** Encoded as in glibc. */
function numbersOf(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n)),
    minor: Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n)),
  };
}
