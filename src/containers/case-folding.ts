import { lstatSync } from 'node:fs';
import { posix } from 'node:path';
import type { FoldedPlace } from '../policy/folding.js';
import type { MountedPlace } from './mounts.js';

/** Filesystems that treat several names as one, and among them those with short names. */
const FOLDS = /^(?:vfat|msdos|exfat|ntfs|ntfs3|fuseblk|iso9660|udf|hfs|hfsplus|cifs|smb3|smb|affs|hpfs)$/u;
const IS_FAT = /^(?:vfat|msdos|exfat|ntfs|ntfs3|fuseblk|cifs|smb3|smb)$/u;

/** Finds directories along paths in which a filesystem treats several names as one. */
export class CaseFoldingDirectories {
  readonly #found = new Map<string, FoldedPlace>();
  readonly #folded = new Map<string, boolean>();
  readonly #mounts: readonly FoldedPlace[];

  constructor(
    readonly root: string,
    mounts: readonly MountedPlace[],
  ) {
    this.#mounts = mounts
      .filter(({ type }) => FOLDS.test(type))
      .map(({ place, type }) => ({ place, isFat: IS_FAT.test(type) }));
  }

  /** @param path without links on its way */
  look(path: string): void {
    const mount = this.#mounts.find(({ place }) => path.startsWith(`${place}/`));
    if (mount !== undefined) {
      this.#found.set(mount.place, mount);
      return;
    }
    // A directory of ext4, f2fs or tmpfs may do so, and then all directories below it.
    for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      const name = end === -1 ? path : path.slice(0, end);
      if (this.#isFolded(name)) {
        const place = posix.dirname(name);
        this.#found.set(place, { place, isFat: false });
        return;
      }
      if (end === -1) return;
    }
  }

  get all(): FoldedPlace[] {
    return [...this.#found.values()].sort((a, b) => (a.place < b.place ? -1 : 1));
  }

  /** Whether the name in the other case leads to the same file. */
  #isFolded(path: string): boolean {
    const known = this.#folded.get(path);
    if (known !== undefined) return known;
    const name = posix.basename(path);
    const other = [...name]
      .map((letter) => (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()))
      .join('');
    const is = name !== other && isSame(this.root + path, posix.join(this.root, posix.dirname(path), other));
    this.#folded.set(path, is);
    return is;
  }
}

function isSame(a: string, b: string): boolean {
  try {
    const [first, second] = [lstatSync(a, { bigint: true }), lstatSync(b, { bigint: true })];
    return first.ino === second.ino && first.dev === second.dev;
  } catch {
    return false;
  }
}
