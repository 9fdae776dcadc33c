import { existsSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { attachToTracepoint, checked, closeDescriptor, getPinned, pinDescriptor } from './libbpf.js';

/**
 * A program that is loaded and pinned, and attached only while it is needed. What says whether it is attached is the pin
 * of its link: a daemon that dies at any point leaves it as it was or as it was to be, and the next one finds that.
 */
export class OnDemandProgram {
  #link: number | undefined;
  /** Of the program: its pin may be removed by others. */
  readonly descriptor: number;

  /**
   * @param path where the program is pinned
   * @param linkPath where its link is, while it is attached
   */
  constructor(
    readonly path: string,
    readonly linkPath: string,
  ) {
    this.descriptor = checked(`cannot open ${path}`, getPinned(path));
    if (existsSync(linkPath)) this.#link = checked(`cannot open ${linkPath}`, getPinned(linkPath));
  }

  get name(): string {
    return basename(this.path);
  }

  /** Descriptor of the link; undefined while the program is not attached. */
  get link(): number | undefined {
    return this.#link;
  }

  /** Harmless where it is attached, as `detach` where it is not. */
  attach(): void {
    if (this.#link !== undefined) return;
    try {
      const link = checked(`cannot attach ${this.path}`, attachToTracepoint(null, this.descriptor));
      this.#link = link;
      checked(`cannot pin ${this.linkPath}`, pinDescriptor(link, this.linkPath));
    } catch (error) {
      this.#close();
      throw error;
    }
  }

  /** Pins the link again if its pin was removed while the program is attached. @returns whether it was */
  restorePin(): boolean {
    if (this.#link === undefined || existsSync(this.linkPath)) return false;
    checked(`cannot pin ${this.linkPath} again`, pinDescriptor(this.#link, this.linkPath));
    return true;
  }

  detach(): void {
    if (this.#link === undefined) return;
    rmSync(this.linkPath, { force: true });
    this.#close();
  }

  /** The same without waiting in the event loop until nothing is run any more. @param close closes a descriptor */
  async detachAsync(close: (descriptor: number) => Promise<unknown>): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    await rm(this.linkPath, { force: true });
    await close(link);
  }

  #close(): void {
    if (this.#link !== undefined) closeDescriptor(this.#link);
    this.#link = undefined;
  }
}
