import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { checked, pinDescriptor } from './libbpf.js';

/** What keeps an object of the kernel alive when the daemon has ended. */
interface Pin {
  readonly path: string;
  readonly descriptor: number;
  /** Of the file on the BPF file system: another object at the same path has another. */
  readonly inode: number;
}

/** The pins of programs, links and maps: looked after, since anybody with the right to may remove them. */
export class Pins {
  #pins: readonly Pin[];

  /** @param descriptors of what is pinned, by path */
  constructor(descriptors: ReadonlyMap<string, number>) {
    this.#pins = [...descriptors].map(([path, descriptor]) => ({ path, descriptor, inode: statSync(path).ino }));
  }

  /**
   * Pins again what is no longer pinned.
   *
   * @returns the paths that were missing
   * @throws Error with the first path that could not be pinned; what is attached stays in force, but only as long as
   *   this process lives
   */
  restore(): string[] {
    const missing = this.#pins.filter(({ path, inode }) => inodeOf(path) !== inode).map(({ path }) => path);
    this.#pins = this.#pins.map((pin) => (missing.includes(pin.path) ? pinAgain(pin) : pin));
    return missing;
  }
}

function pinAgain({ path, descriptor }: Pin): Pin {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  checked(`cannot pin ${path} again`, pinDescriptor(descriptor, path));
  return { path, descriptor, inode: statSync(path).ino };
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
