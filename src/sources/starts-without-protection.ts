import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { IntakeCounts } from '../control/intake-counts.js';
import type { SourceLogger } from './source.js';

const NAME = 'starts-without-protection.jsonl';
/** The hook writes no more than a line above a mebibyte. */
const BYTES_MAX = 2 * 1024 * 1024;
/** Of so many containers it is known that the hook has recorded them: more than start between two reports. */
const KNOWN_MAX = 10_000;

/** Logs the containers that the hook let start without protection, from its records in the daemon's state directory. */
export class StartsWithoutProtection {
  readonly #path: string;
  readonly #taken: string;
  /** The file that was read last and has been removed: a hook that had opened it before may still have added to it. */
  #last: { readonly descriptor: number; readonly bytes: number } | undefined;
  readonly #ids = new Set<string>();

  constructor(
    stateDirectory: string,
    readonly counts: IntakeCounts,
    readonly logger: SourceLogger,
  ) {
    this.#path = join(stateDirectory, NAME);
    this.#taken = `${this.#path}.taken`;
  }

  /** Reports what has been recorded since, and clears it. */
  report(): void {
    try {
      this.close();
      // Renamed first, so that what a hook adds from now on begins a new file. One may be left by a daemon that was
      // killed.
      if (!existsSync(this.#taken)) renameSync(this.#path, this.#taken);
      const descriptor = openSync(this.#taken, 'r');
      this.#last = { descriptor, bytes: 0 };
      this.#last = { descriptor, bytes: this.#reportFrom(descriptor, 0) };
      rmSync(this.#taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      const reason = (error as Error).message;
      this.logger.warn({ path: this.#path, reason }, 'cannot read which containers started without protection');
    }
  }

  /** Whether a record of this container has been reported. */
  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Reports what has been added to the file that was read last. */
  close(): void {
    if (this.#last === undefined) return;
    const { descriptor, bytes } = this.#last;
    this.#last = undefined;
    try {
      this.#reportFrom(descriptor, bytes);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Returns up to where it has read. */
  #reportFrom(descriptor: number, start: number): number {
    const end = Math.min(fstatSync(descriptor).size, BYTES_MAX);
    const records = Buffer.alloc(Math.max(end - start, 0));
    const bytes = readSync(descriptor, records, 0, records.length, start);
    const lines = records.subarray(0, bytes).toString('utf8').split('\n');
    for (const line of lines.filter((each) => each !== '')) {
      const record = parse(line);
      this.#remember(record);
      this.counts.startsWithoutProtection++;
      this.logger.warn({ start: record }, 'a container has started without protection, as its hook has recorded');
    }
    return start + bytes;
  }

  #remember(record: unknown): void {
    const id = (record as { readonly id?: unknown } | null)?.id;
    if (typeof id !== 'string') return;
    if (this.#ids.size >= KNOWN_MAX) this.#ids.clear();
    this.#ids.add(id);
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}
