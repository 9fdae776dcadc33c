import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { checked } from '../native/kernel-error.js';
import { pinDescriptor } from '../native/libbpf.js';
import { mountBpfFileSystem } from './support.js';

/** Keeps an object of the kernel alive after the daemon has ended. */
interface Pin {
  readonly path: string;
  readonly descriptor: number;
  /** The inode of its file on the BPF file system, which another object at the same path does not have. */
  readonly inode: number;
}

/** The pins of programs, links and maps. Anybody privileged can remove them, which is only noticed by checking. */
export class Pins {
  readonly #pins: Map<string, Pin>;

  /** @param descriptors of what is pinned, by path */
  constructor(descriptors: ReadonlyMap<string, number>) {
    this.#pins = new Map([...descriptors].map(([path, descriptor]) => [path, pinOf(path, descriptor)]));
  }

  /**
   * Pins again what is no longer pinned, mounting the BPF file system if that is gone.
   *
   * @returns the paths that were missing
   * @throws when something cannot be pinned; what is attached stays in force then, as long as this process lives
   */
  restore(): string[] {
    const missing = [...this.#pins.values()].filter(({ path, inode }) => inodeOf(path) !== inode);
    if (missing.length > 0) mountBpfFileSystem();
    for (const { path, descriptor } of missing) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      checked(`cannot pin ${path} again`, pinDescriptor(descriptor, path));
      this.#pins.set(path, pinOf(path, descriptor));
    }
    return missing.map(({ path }) => path);
  }
}

function pinOf(path: string, descriptor: number): Pin {
  return { path, descriptor, inode: statSync(path).ino };
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
