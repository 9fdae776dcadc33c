import type { Database } from './database.js';
import { SEAL, type StoredUndo, UNDO } from './inspection.js';
import { encodeRecord } from './record.js';
import { nextSeal, type Records, type Seal } from './seal.js';
import { readRecords, type StoredRecords } from './stored-form.js';
import type { Witness } from './witness.js';

/** A database whose writes are sealed, in itself and by a witness elsewhere, before they count as made. */
export class SealedDatabase {
  #seal: Seal;

  /**
   * @param witness left out where none can be kept
   * @param seal of what the database holds now
   */
  constructor(
    readonly database: Database,
    readonly witness: Witness | undefined,
    seal: Seal,
  ) {
    this.#seal = seal;
  }

  /**
   * Writes all of it or nothing; on disk when this resolves. One call at a time.
   *
   * @throws StoreFailure and then nothing of it is there after a restart, nor once the next write is made
   */
  async write(batch: Records): Promise<void> {
    const { database, witness } = this;
    if (database.isInDoubt) {
      await database.settle();
      await witness?.begin(this.#seal);
    }
    const previous = await database.read([...batch.keys(), SEAL, UNDO]);
    const seal = await nextSeal(this.#seal, batch, previous);
    const undo: StoredUndo = {
      version: 1,
      count: seal.count,
      previous: [...batch.keys()].map((key) => [key, previous.get(key) ?? null]),
    };
    await database.write(new Map([...batch, [SEAL, encodeRecord(seal)], [UNDO, encodeRecord(undo)]]), previous);
    try {
      // What it recorded about an earlier store is removed.
      await (this.#seal.count === 0 ? witness?.begin(seal) : witness?.write(seal));
    } catch (error) {
      database.takeBack(previous);
      // It may be written and only not synced, and the process may end before the next write takes it back.
      await witness?.begin(this.#seal).catch(() => undefined);
      throw error;
    }
    this.#seal = seal;
  }

  /** What it holds now. */
  async read(): Promise<StoredRecords> {
    const records = await this.database.all();
    for (const key of [SEAL, UNDO]) records.delete(key);
    return readRecords(records).state;
  }

  /** Undoes a write that was not acknowledged, and whose seal is not the one that this continues from. */
  async undo(records: Records): Promise<void> {
    const batch = new Map([...records, [SEAL, encodeRecord(this.#seal)] as const, [UNDO, undefined] as const]);
    await this.database.write(batch, new Map());
  }

  close(): Promise<void> {
    return this.database.close();
  }
}
