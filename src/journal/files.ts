import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { encodeHeader, type Frame, type FrameHeader } from './frame.js';
import { readSegment, removeSegment, type Segment, segmentPath } from './segments.js';

/** The limits of the journal; the oldest events are removed first. */
export interface JournalLimits {
  readonly bytes: number;
  readonly seconds: number;
}

export interface JournalLogger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The journal has at least this many files, so that little is removed at once. */
const SEGMENTS = 8;
const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
const SYNC_MILLISECONDS = 1000;
const AGE_CHECK_MILLISECONDS = 60_000;

/** The files of the journal: writes to the last, reads all, and removes the first when they have expired. */
export class JournalFiles {
  readonly #segmentBytes: number;
  readonly #timers: NodeJS.Timeout[];
  #file: FileHandle | undefined;
  #begun = Date.now();
  #isDirty = false;
  #isKeepingOld = false;
  #syncing: Promise<void> = Promise.resolve();

  /**
   * @param segments those that are there, the oldest first; the last is written on
   * @param next the number of the next event
   */
  constructor(
    readonly directory: string,
    readonly limits: JournalLimits,
    readonly segments: Segment[],
    next: number,
    readonly logger: JournalLogger,
  ) {
    this.#segmentBytes = Math.min(limits.bytes / SEGMENTS, SEGMENT_BYTES_MAX);
    if (segments.length === 0) this.#add(next);
    this.#removeOld(0);
    this.#timers = [
      setInterval(() => this.#sync(), SYNC_MILLISECONDS).unref(),
      setInterval(() => this.#removeOld(0), AGE_CHECK_MILLISECONDS).unref(),
    ];
  }

  get bytes(): number {
    return this.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Appends batches; they survive the process once this resolves. @throws what the file system throws */
  async append(batches: readonly (FrameHeader & { readonly payload: Buffer })[]): Promise<void> {
    const buffers = batches.flatMap((batch) => [encodeHeader(batch, batch.payload), batch.payload]);
    const length = buffers.reduce((sum, each) => sum + each.length, 0);
    const segment = await this.#segmentFor(batches[0]!.first, length);
    const file = await this.#open(segment);
    try {
      for (let written = 0, rest: Buffer[] = buffers; written < length; ) {
        const { bytesWritten } = await file.writev(rest, segment.bytes + written);
        written += bytesWritten;
        if (written < length) rest = [Buffer.concat(buffers).subarray(written)];
      }
    } catch (error) {
      await file.truncate(segment.bytes).catch(() => undefined);
      throw error;
    }
    segment.bytes += length;
    for (const { latest } of batches) if (latest > segment.latest) segment.latest = latest;
    this.#isDirty = true;
  }

  async *read(after: number, since: bigint): AsyncGenerator<Frame> {
    for (let segment = this.segments[0]; segment !== undefined; ) {
      const following: Segment | undefined = this.segments[this.segments.indexOf(segment) + 1];
      if (
        (following === undefined || following.first > after + 1) &&
        (segment.latest >= since || following === undefined)
      ) {
        for await (const frame of readSegment(segment)) {
          if (frame.count > 0 && frame.first + frame.count - 1 > after && frame.latest >= since) yield frame;
        }
      }
      const { first } = segment;
      segment = this.segments.find((each) => each.first > first);
    }
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#leave();
    await this.#syncing;
  }

  get #last(): Segment {
    return this.segments.at(-1)!;
  }

  /** The file that the next bytes go into. */
  async #segmentFor(first: number, length: number): Promise<Segment> {
    const { bytes } = this.#last;
    const isOld = Date.now() - this.#begun > (this.limits.seconds * 1000) / SEGMENTS;
    if (bytes > 0 && (bytes + length > this.#segmentBytes || isOld) && first > this.#last.first) {
      this.#leave();
      this.#begun = Date.now();
      this.#add(first);
    }
    this.#removeOld(length);
    return this.#last;
  }

  #add(first: number): void {
    this.segments.push({ path: segmentPath(this.directory, first), first, bytes: 0, latest: 0n });
  }

  /** @throws what the file system throws, if there is no room for more bytes then */
  #removeOld(more: number): void {
    const oldest = BigInt(Date.now() - this.limits.seconds * 1000) * 1_000_000n;
    while (this.segments.length > 1) {
      const [segment] = this.segments;
      const isFull = this.bytes + more > this.limits.bytes;
      if (!isFull && segment!.latest >= oldest) return;
      try {
        removeSegment(segment!);
      } catch (error) {
        if (!this.#isKeepingOld) this.logger.warn({ err: error }, 'old events cannot be removed from the journal');
        this.#isKeepingOld = true;
        if (isFull && more > 0) throw error;
        return;
      }
      this.segments.shift();
      if (this.#isKeepingOld) this.logger.info({}, 'old events are removed from the journal again');
      this.#isKeepingOld = false;
    }
  }

  async #open({ path }: Segment): Promise<FileHandle> {
    this.#file ??= await open(path, constants.O_CREAT | constants.O_RDWR, 0o600);
    return this.#file;
  }

  #sync(): void {
    const file = this.#file;
    if (!this.#isDirty || file === undefined) return;
    this.#isDirty = false;
    this.#syncing = this.#syncing.then(() => file.datasync()).catch(() => undefined);
  }

  /** Syncs and closes a file without anything waiting for it. */
  #leave(): void {
    this.#sync();
    const file = this.#file;
    this.#file = undefined;
    this.#syncing = this.#syncing.then(() => file?.close()).catch(() => undefined);
  }
}
