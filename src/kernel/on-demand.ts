import { existsSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { checked } from '../native/kernel-error.js';
import { attachToTracepoint, getPinned, pinDescriptor } from '../native/libbpf.js';
import { closeDescriptor, closeInThread } from '../native/libc.js';

/**
 * A program that is loaded and pinned, and attached only while it is needed. The pin of its link shows whether it is
 * attached: a daemon that dies at any point leaves it in the old or the new state, which the next one finds.
 */
export class OnDemandProgram {
  #link: number | undefined;
  #closing: Promise<unknown> | undefined;
  /** Descriptor of the program, as its pin may be removed by others. */
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

  /** Does nothing if it is attached already, as `detach` if it is not. */
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

  /** Like `attach`, but waits while the previous link is still being closed: the kernel takes no second one. */
  async attachOnceDetached(): Promise<void> {
    await this.#closing;
    this.attach();
  }

  /** Like `detach`, without blocking the event loop until the program no longer runs. */
  async detachAsync(): Promise<void> {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    // Immediately, or it could be the pin of the next attachment; closing the link is what takes time.
    rmSync(this.linkPath, { force: true });
    this.#closing = closeInThread(link);
    await this.#closing;
  }

  #close(): void {
    if (this.#link !== undefined) closeDescriptor(this.#link);
    this.#link = undefined;
  }
}
