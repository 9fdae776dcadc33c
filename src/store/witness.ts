import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeRecord, encodeRecord } from './record.js';
import { isSeal, type Seal } from './seal.js';
import { writeFailure } from './store-failure.js';

/** Each of the two places of the file, written in turn: one that is torn leaves the other. A sector of every disk. */
const SLOT_BYTES = 512;
const SLOTS = 2;

/** What the witness has recorded. */
export interface Testimony {
  /** The newest seal that can be read; undefined: there is none. */
  readonly seal: Seal | undefined;
  /** Whether there is a file, and both of its places can be read or were never used. */
  readonly state: 'absent' | 'whole' | 'damaged';
}

/**
 * A small file outside of the store that records what was acknowledged last. Once it exists, writing to it needs no
 * more disk space.
 */
export class Witness {
  readonly path: string;

  constructor(readonly directory: string) {
    this.path = join(directory, 'acknowledged');
  }

  async read(): Promise<Testimony> {
    let text: string;
    try {
      text = await readFile(this.path, 'latin1');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return { seal: undefined, state: 'absent' };
      // Something else has replaced it, or the disk fails: its contents are lost.
      return { seal: undefined, state: 'damaged' };
    }
    const slots = Array.from({ length: SLOTS }, (_, index) => text.slice(index * SLOT_BYTES, (index + 1) * SLOT_BYTES));
    const seals = slots.map(readSlot);
    const isWhole = text.length === SLOTS * SLOT_BYTES && seals.some(isSeal) && !seals.includes('damaged');
    const newest = seals.filter(isSeal).sort((a, b) => b.count - a.count)[0];
    return { seal: newest, state: isWhole ? 'whole' : 'damaged' };
  }

  /** On disk when this resolves; the seal before it stays beside it. @throws StoreFailure */
  write(seal: Seal): Promise<void> {
    return this.#write(slotOf(seal), slotStart(seal));
  }

  /** The same, and no other seal stays. @throws StoreFailure */
  begin(seal: Seal): Promise<void> {
    const all = Buffer.alloc(SLOTS * SLOT_BYTES, ' ');
    slotOf(seal).copy(all, slotStart(seal));
    return this.#write(all, 0);
  }

  async #write(bytes: Buffer, position: number): Promise<void> {
    try {
      await this.#writeAt(bytes, position);
    } catch (error) {
      throw writeFailure(this.directory, error);
    }
  }

  async #writeAt(bytes: Buffer, position: number): Promise<void> {
    const file = await open(this.path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return this.#create();
    });
    try {
      await file.write(bytes, 0, bytes.length, position);
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  async #create() {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    const file = await open(this.path, 'w+', 0o600);
    try {
      await file.write(Buffer.alloc(SLOTS * SLOT_BYTES, ' '));
      await file.sync();
      const directory = await open(this.directory, 'r');
      await directory.sync().finally(() => directory.close());
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }
}

function slotOf(seal: Seal): Buffer {
  return Buffer.from(`${encodeRecord(seal)}\n`.padEnd(SLOT_BYTES), 'latin1');
}

function slotStart(seal: Seal): number {
  return (seal.count % SLOTS) * SLOT_BYTES;
}

/** Undefined: it was never written to. */
function readSlot(text: string): Seal | 'damaged' | undefined {
  if (text.trim() === '') return undefined;
  const value = decodeRecord(text.trimEnd());
  return isSeal(value) ? value : 'damaged';
}
