import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { Failure } from '../failure.js';

type Level = ClassicLevel<string, string>;

/** Values by their keys; undefined: no such key. */
export type Batch = ReadonlyMap<string, string | undefined>;

/**
 * LevelDB, as it has to be used where a disk may be full for a while. A write that fails can leave half a record in its
 * log, and what is written behind that is not read again after a restart; or it can have reached the disk all the same.
 * So after one the database is closed and opened again before the next, and has then what it had before.
 */
export class Database {
  /** What keys of writes that have failed had before them. */
  readonly #undo = new Map<string, string | undefined>();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly directory: string,
    readonly level: Level,
  ) {}

  /** @throws Failure failed-precondition when the directory cannot be used, or another process uses it */
  static async open(directory: string): Promise<Database> {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const level = new ClassicLevel<string, string>(join(directory, 'store'), { valueEncoding: 'utf8' });
      await level.open();
      return new Database(directory, level);
    } catch (error) {
      const message = `cannot open the state in ${directory}: ${reasonOf(error)}`;
      throw new Failure('failed-precondition', message, [], { cause: error });
    }
  }

  entries(): AsyncIterable<[string, string]> {
    return this.level.iterator();
  }

  /** Writes all of it or nothing; on disk when this resolves. @throws Failure unavailable, and then nothing is */
  write(batch: Batch): Promise<void> {
    const written = this.#last.then(() => this.#write(batch));
    this.#last = written.catch(() => undefined);
    return written;
  }

  async close(): Promise<void> {
    await this.#last;
    await this.level.close();
  }

  async #write(batch: Batch): Promise<void> {
    try {
      if (this.#undo.size > 0) await this.#reopen();
      await writeTo(this.level, batch);
    } catch (error) {
      await this.#noteUndo(batch);
      // LevelDB names the file first.
      const reason = reasonOf(error).replace(/^IO error: .*: /u, '');
      const message = `cannot write to ${this.directory}: ${reason.charAt(0).toLowerCase()}${reason.slice(1)}`;
      throw new Failure('unavailable', message, [], { cause: error });
    }
  }

  /** A write that has failed is not to be seen by reading, only after opening. */
  async #noteUndo(batch: Batch): Promise<void> {
    if (this.level.status !== 'open') return;
    const keys = [...batch.keys()].filter((key) => !this.#undo.has(key));
    const values = await this.level.getMany(keys);
    keys.forEach((key, index) => {
      this.#undo.set(key, values[index]);
    });
  }

  async #reopen(): Promise<void> {
    await this.level.close();
    await this.level.open();
    await writeTo(this.level, this.#undo);
    this.#undo.clear();
  }
}

async function writeTo(level: Level, batch: Batch): Promise<void> {
  const operations = [...batch].map(([key, value]) =>
    value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
  );
  await level.batch(operations, { sync: true });
}

function reasonOf(error: unknown): string {
  return ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
}
