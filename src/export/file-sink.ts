import { closeSync, existsSync, fdatasync, fstatSync, ftruncateSync, openSync, renameSync, write } from 'node:fs';
import { promisify } from 'node:util';
import type { ExportedLine, Sink } from './sink.js';

const writeTo = promisify(write);
const sync = promisify(fdatasync);

export interface Rotation {
  /** A file that would become longer is rotated. */
  readonly bytes: number;
  /** How many files are kept, including the current one. */
  readonly files: number;
}

/** Lines of JSON in a file, which is rotated to FILE.1, FILE.2 and so on when it is long enough. */
export class FileSink implements Sink {
  #file: number | undefined;
  #bytes = 0;
  #isWriting = false;
  /** The write under way closes the file. */
  #isClosing = false;

  constructor(
    readonly path: string,
    readonly rotation: Rotation,
  ) {}

  async write(lines: readonly ExportedLine[]): Promise<void> {
    const bytes = Buffer.from(lines.map(({ text }) => `${text}\n`).join(''));
    if (this.#file !== undefined && this.#bytes > 0 && this.#bytes + bytes.length > this.rotation.bytes) this.#rotate();
    const file = this.#open();
    this.#isWriting = true;
    try {
      for (let written = 0; written < bytes.length; ) {
        const { bytesWritten } = await writeTo(file, bytes, written, bytes.length - written, this.#bytes + written);
        written += bytesWritten;
      }
      await sync(file);
      this.#bytes += bytes.length;
    } catch (error) {
      // Half a line would corrupt the next one.
      ftruncateSync(file, this.#bytes);
      throw error;
    } finally {
      this.#isWriting = false;
      if (this.#isClosing) this.close();
    }
  }

  close(): void {
    this.#isClosing = this.#isWriting;
    if (this.#isWriting) return;
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #open(): number {
    // Something else may have moved it, such as logrotate.
    if (this.#file !== undefined && existsSync(this.path)) return this.#file;
    this.close();
    this.#file = openSync(this.path, existsSync(this.path) ? 'r+' : 'w', 0o600);
    this.#bytes = fstatSync(this.#file).size;
    return this.#file;
  }

  #rotate(): void {
    this.close();
    const nameOf = (number: number) => (number === 0 ? this.path : `${this.path}.${number}`);
    for (let number = this.rotation.files - 2; number >= 0; number--) {
      if (existsSync(nameOf(number))) renameSync(nameOf(number), nameOf(number + 1));
    }
    if (this.rotation.files === 1) closeSync(openSync(this.path, 'w', 0o600));
  }
}
