import { randomUUID } from 'node:crypto';
import { closeSync, fdatasync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { crc32 } from 'node:zlib';

/** The numbers on disk, in one of two slots of a file that are written alternately, so that one is always intact. */
interface Stored {
  /** Identifies the numbering: the same numbers of another one mean other events. */
  readonly run: string;
  /** Counts the writes: the greater is the later. */
  readonly version: number;
  /** No event has a number above this. */
  readonly reserved: number;
  /** Events were published that are not in the journal, and none behind them is yet. */
  readonly isBehind?: boolean;
  /** After an orderly end, the next number. */
  readonly next?: number;
}

const SLOT_BYTES = 512;
const BLOCK_LEAST = 4096;
const BLOCK_GREATEST = 1 << 20;
/** A block that is used up sooner is followed by one twice as long. */
const BLOCK_MILLISECONDS = 2000;

const synced = promisify(fdatasync);

/**
 * Gives events their numbers in blocks that are on disk before a number of them is used: after a power cut none is
 * reused.
 */
export class Numbering {
  readonly #file: number;
  #stored: Stored;
  #block = BLOCK_LEAST;
  #lastReservation = 0;
  /** Reserved on disk; what is written beyond may still be lost in a power cut. */
  #durable: number;
  #pending: Promise<void> | undefined;

  /**
   * @param leastNext the number after the last that is known to have been given
   * @throws what the file system throws
   */
  constructor(directory: string, leastNext: number) {
    const path = join(directory, 'numbering');
    const found = readSlots(path);
    this.isNew = found === undefined;
    this.#stored = found ?? { run: randomUUID(), version: 0, reserved: leastNext - 1 };
    this.#durable = this.#stored.reserved;
    this.#file = openSync(path, found === undefined ? 'w+' : 'r+', 0o600);
  }

  /** True where there was no such file, or it could not be read. */
  readonly isNew: boolean;

  get run(): string {
    return this.#stored.run;
  }

  get reserved(): number {
    return this.#stored.reserved;
  }

  /** Whether the last run may have published more events than the journal has. */
  get isBehind(): boolean {
    return this.#stored.isBehind === true;
  }

  /** The next number if the last run ended in order. */
  get nextAfterEnd(): number | undefined {
    return this.#stored.next;
  }

  /** Begins to give numbers from here; on disk when this returns. */
  begin(next: number): void {
    this.#write({ reserved: Math.max(this.reserved, next + this.#block), isBehind: false });
    fdatasyncSync(this.#file);
    this.#durable = this.reserved;
  }

  /**
   * Reserves the next block where less than half of one is left above a number; resolves once that number is reserved on
   * disk, at once where it is.
   *
   * @throws what the file system throws
   */
  async reserve(number: number): Promise<void> {
    const isShort = this.reserved - number < this.#block / 2;
    if (isShort) this.#writeBlockAbove(number);
    if (isShort || number > this.#durable) this.#sync().catch(() => undefined);
    while (number > this.#durable) await this.#sync();
  }

  /**
   * Records that events up to a number are published without being in the journal. A later daemon sees it once this
   * returns, also if this process is killed then; after a power cut, as far as the disk took it.
   *
   * @throws what the file system throws
   */
  passOver(number: number): void {
    if (this.isBehind && this.reserved - number >= this.#block / 2) return;
    this.#writeBlockAbove(number, true);
    this.#sync().catch(() => undefined);
  }

  /** Records that the journal has what was published last. @throws what the file system throws */
  catchUp(): void {
    if (this.isBehind) this.#write({ isBehind: false });
  }

  /** On disk when this returns: numbers continue from there. */
  end(next: number): void {
    this.#write({ next });
    fdatasyncSync(this.#file);
    closeSync(this.#file);
  }

  #writeBlockAbove(number: number, isBehind = this.isBehind): void {
    const now = performance.now();
    const isQuick = now - this.#lastReservation < BLOCK_MILLISECONDS;
    this.#block = isQuick ? Math.min(this.#block * 2, BLOCK_GREATEST) : BLOCK_LEAST;
    this.#lastReservation = now;
    this.#write({ reserved: Math.max(this.reserved, number) + this.#block, isBehind });
  }

  #sync(): Promise<void> {
    this.#pending ??= this.#syncWritten();
    return this.#pending;
  }

  async #syncWritten(): Promise<void> {
    const { reserved } = this.#stored;
    try {
      await synced(this.#file);
      this.#durable = reserved;
    } catch (error) {
      // The kernel drops what it could not write, so it is written again.
      this.#stored = { ...this.#stored, reserved: this.#durable };
      throw error;
    } finally {
      this.#pending = undefined;
    }
  }

  #write({ reserved = this.reserved, isBehind = this.isBehind, next }: Partial<Stored>): void {
    const { run, version } = this.#stored;
    const stored = { run, version: version + 1, reserved, isBehind, ...(next !== undefined && { next }) };
    writeSync(this.#file, encodeSlot(stored), 0, SLOT_BYTES, (stored.version % 2) * SLOT_BYTES);
    this.#stored = stored;
  }
}

function encodeSlot(stored: Stored): Buffer {
  const json = JSON.stringify(stored);
  return Buffer.from(`${crc32(json).toString(16).padStart(8, '0')} ${json}`.padEnd(SLOT_BYTES - 1).concat('\n'));
}

function readSlots(path: string): Stored | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const slots = [text.slice(0, SLOT_BYTES), text.slice(SLOT_BYTES)].flatMap((slot) => {
    const [, sum, json] = /^([0-9a-f]{8}) (\{.*\})\s*$/su.exec(slot) ?? [];
    const value: unknown =
      json !== undefined && Number.parseInt(sum!, 16) === crc32(json) ? JSON.parse(json) : undefined;
    return isStored(value) ? [value] : [];
  });
  return slots.toSorted((a, b) => b.version - a.version)[0];
}

/** A slot with any other content counts as damaged. */
function isStored(value: unknown): value is Stored {
  if (typeof value !== 'object' || value === null) return false;
  const { run, version, reserved, isBehind, next }: { [Field in keyof Stored]?: unknown } = value;
  const isWhole = [version, reserved, next ?? 0].every((each) => Number.isSafeInteger(each));
  return typeof run === 'string' && typeof (isBehind ?? false) === 'boolean' && isWhole;
}
