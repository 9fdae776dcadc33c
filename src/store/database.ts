import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { Failure } from '../failure.js';
import type { Records } from './seal.js';
import { reasonOf, writeFailure } from './store-failure.js';

type Level = ClassicLevel<string, string>;

/** Errors of LevelDB for files that are missing or not as it has written them. */
const DAMAGE = /^Corruption|no such file or directory|is a directory|not a directory|input\/output error/iu;
/** Files that LevelDB only has once something was written. */
const DATA_FILE = /\.(?:log|ldb|sst)$/u;

/**
 * LevelDB, used such that a temporarily full disk does no harm. A write that fails can leave half a record in its log,
 * and what is written behind that is not read again after a restart; or it can have reached the disk all the same. So
 * after one the database is closed and opened again before the next, and has then what it had before.
 */
export class Database {
  /** The previous values of keys in failed writes. */
  readonly #undo = new Map<string, string | undefined>();

  private constructor(
    readonly directory: string,
    readonly level: Level,
  ) {}

  /** Whether there is anything of a database, for which LevelDB would begin a new one if its own index of it is gone. */
  static state(directory: string): 'absent' | 'present' | 'broken' {
    const place = placeIn(directory);
    if (existsSync(join(place, 'CURRENT'))) return 'present';
    return existsSync(place) && readdirSync(place).some((name) => DATA_FILE.test(name)) ? 'broken' : 'absent';
  }

  /**
   * @returns what is wrong with its files, where they are damaged
   * @throws Failure failed-precondition when the directory cannot be used, or another process uses it
   */
  static async open(directory: string): Promise<Database | string> {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const level = new ClassicLevel<string, string>(placeIn(directory), { valueEncoding: 'utf8' });
      await level.open();
      return new Database(directory, level);
    } catch (error) {
      const reason = reasonOf(error);
      if (DAMAGE.test(reason) && existsSync(placeIn(directory))) return reason;
      throw new Failure('failed-precondition', `cannot open the state in ${directory}: ${reason}`, [], {
        cause: error,
      });
    }
  }

  /** Moves the files of a closed database aside for a new one; returns where to. */
  static setAside(directory: string): string | undefined {
    if (!existsSync(placeIn(directory))) return undefined;
    const aside = `${placeIn(directory)}.damaged-${new Date().toISOString().replace(/[:.]/gu, '-')}`;
    renameSync(placeIn(directory), aside);
    return aside;
  }

  /** Puts them back in place of those of a new one that is not open. */
  static putBack(directory: string, aside: string | undefined): void {
    rmSync(placeIn(directory), { recursive: true, force: true });
    if (aside !== undefined) renameSync(aside, placeIn(directory));
  }

  /** Every record. @throws where its files are damaged */
  async all(): Promise<Map<string, string>> {
    const records = new Map<string, string>();
    for await (const [key, text] of this.level.iterator()) records.set(key, text);
    return records;
  }

  /** The values of these keys. @throws StoreFailure */
  async read(keys: readonly string[]): Promise<Map<string, string | undefined>> {
    try {
      const texts = await this.level.getMany([...keys]);
      return new Map(keys.map((key, index) => [key, texts[index]]));
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  /** Whether a write has failed since `settle`. */
  get isInDoubt(): boolean {
    return this.#undo.size > 0;
  }

  /** Undoes writes that have failed, or were taken back. @throws StoreFailure while that cannot be written */
  async settle(): Promise<void> {
    if (!this.isInDoubt) return;
    try {
      await this.level.close();
      await this.level.open();
      await writeTo(this.level, this.#undo);
      this.#undo.clear();
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  /**
   * Writes all of it or nothing; on disk when this resolves. Nothing may be in doubt.
   *
   * @param previous what each key has now
   * @throws StoreFailure and then it is to be settled
   */
  async write(batch: Records, previous: Records): Promise<void> {
    try {
      await writeTo(this.level, batch);
    } catch (error) {
      this.takeBack(previous);
      throw writeFailure(this.directory, error);
    }
  }

  /** Marks the last write to be undone when the database is settled. */
  takeBack(previous: Records): void {
    for (const [key, text] of previous) this.#undo.set(key, text);
  }

  async close(): Promise<void> {
    await this.level.close();
  }
}

function placeIn(directory: string): string {
  return join(directory, 'store');
}

async function writeTo(level: Level, batch: Records): Promise<void> {
  const operations = [...batch].map(([key, value]) =>
    value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const),
  );
  await level.batch(operations, { sync: true });
}
