import { Failure } from '../failure.js';
import { JournalFiles, type JournalLimits, type JournalLogger } from './files.js';
import type { Frame, FrameHeader } from './frame.js';
import { Numbering } from './numbering.js';
import { listSegments, readSegment } from './segments.js';

/** The kernel's ring as it is when the daemon starts. */
export interface RingState {
  /** Identifies this ring among those before and after it. */
  readonly id: bigint;
  /** Up to where it was read. */
  readonly position: bigint;
}

export interface Batch extends FrameHeader {
  readonly payload: Buffer;
  /** Called once the batch is in the journal or given up; of several batches in their order. */
  readonly done: () => void;
}

export interface JournalCounts {
  /** Events written since the start. */
  readonly written: number;
  /** Events that could not be written. */
  readonly lost: number;
  readonly bytes: number;
  /** False while nothing can be written. */
  readonly isWritable: boolean;
}

/**
 * The time limit for writing a batch; after it events continue without being written, before the kernel's ring is full.
 */
const STALL_MILLISECONDS = 250;
/** How many bytes may wait, like the size of the ring. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** A disk that refused a batch is asked again after this. */
const RETRY_MILLISECONDS = 1000;

/**
 * The events of this host on disk, bounded in size and age. A written batch survives the end of the process, and a
 * power cut that comes at least a second later. What cannot be written is a gap in the numbers.
 */
export class Journal {
  readonly #queue: Batch[] = [];
  #waitingBytes = 0;
  #inFlight: Batch[] | undefined;
  #isStalled = false;
  #retryAt = 0;
  #lostSince: number | undefined;
  #written = 0;
  #lost = 0;
  #closing: (() => void) | undefined;

  private constructor(
    readonly files: JournalFiles,
    readonly numbering: Numbering,
    /** The next event's number. */
    readonly next: number,
    /** The last batch that an earlier daemon has written. */
    readonly last: Frame | undefined,
    readonly logger: JournalLogger,
  ) {}

  /** @throws Failure failed-precondition when the directory cannot be used */
  static async open(
    directory: string,
    limits: JournalLimits,
    ring: RingState,
    logger: JournalLogger,
  ): Promise<Journal> {
    try {
      const segments = listSegments(directory);
      let last: Frame | undefined;
      for (const segment of segments.toReversed()) {
        for await (const frame of readSegment(segment)) last = frame;
        if (last !== undefined) break;
      }
      const behindLast = last === undefined ? (segments.at(-1)?.first ?? 1) : last.first + last.count;
      const numbering = new Numbering(directory, behindLast);
      if (numbering.isNew && last !== undefined)
        logger.warn(
          { directory },
          'the numbers of events start again: the file that reserves them was missing or damaged',
        );
      // A daemon that read the ring without writing here may have given numbers to what it read, or to other events.
      const isWhole = last?.ringId === ring.id && ring.position <= last.ringPosition && !numbering.isBehind;
      const next = numbering.nextAfterEnd ?? (isWhole ? behindLast : Math.max(behindLast, numbering.reserved + 1));
      if (next > behindLast) {
        // What tells why.
        const state = {
          ring: textOf(ring),
          recorded: last && textOf({ id: last.ringId, position: last.ringPosition }),
          isBehind: numbering.isBehind,
        };
        const range = { first: behindLast, last: next - 1 };
        logger.warn({ ...range, ...state }, 'these numbers of events are not in the journal');
      }
      numbering.begin(next);
      const files = new JournalFiles(directory, limits, segments, next, logger);
      return new Journal(files, numbering, next, last, logger);
    } catch (error) {
      const message = `cannot use the journal in ${directory}: ${(error as Error).message}`;
      throw new Failure('failed-precondition', message, [], { cause: error });
    }
  }

  /** Identifies the numbering of the events. */
  get run(): string {
    return this.numbering.run;
  }

  counts(): JournalCounts {
    const isWritable = !this.#isStalled && this.#retryAt === 0;
    return { written: this.#written, lost: this.#lost, bytes: this.files.bytes, isWritable };
  }

  append(batch: Batch): void {
    if (this.#isStalled || performance.now() < this.#retryAt) {
      this.#giveUp([batch]);
      return;
    }
    this.#queue.push(batch);
    this.#waitingBytes += batch.payload.length;
    if (this.#inFlight === undefined) void this.#writeAll();
    else if (this.#waitingBytes > WAITING_BYTES_MAX) this.#stall();
  }

  /** The batches with events behind a number, and not all before a time, that are there at the call, and more. */
  read(after: number, since = 0n): AsyncGenerator<Frame> {
    return this.files.read(after, since);
  }

  /** Writes what waits; then a later daemon knows the next event's number. */
  async close(next: () => number): Promise<void> {
    if (this.#inFlight !== undefined)
      await new Promise<void>((resolve) => {
        this.#closing = resolve;
        setTimeout(resolve, 2 * RETRY_MILLISECONDS).unref();
      });
    await this.files.close();
    this.numbering.end(next());
  }

  async #writeAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const batches = this.#queue.splice(0);
      this.#waitingBytes = 0;
      this.#inFlight = batches;
      const stall = setTimeout(() => {
        // The daemon itself may have been too busy to notice that they are written.
        setImmediate(() => this.#inFlight === batches && this.#stall());
      }, STALL_MILLISECONDS);
      try {
        const { first, count } = batches.at(-1)!;
        await this.numbering.reserve(first + count - 1);
        await this.files.append(batches);
        this.#written += batches.reduce((sum, each) => sum + each.count, 0);
        this.#noteWritten(batches[0]!);
        this.#settle();
      } catch (error) {
        this.#retryAt = performance.now() + RETRY_MILLISECONDS;
        this.#noteLost(batches[0]!, (error as Error).message);
        this.#lost += countOf(batches);
        this.#passOver(batches);
        this.#settle();
        this.#giveUp(this.#queue.splice(0));
      } finally {
        clearTimeout(stall);
      }
    }
    this.#inFlight = undefined;
    this.#isStalled = false;
    this.#closing?.();
  }

  #settle(): void {
    const batches = this.#inFlight!;
    this.#inFlight = [];
    for (const batch of batches) batch.done();
  }

  /** The disk is too slow: waiting events continue without being written. */
  #stall(): void {
    if (this.#isStalled) return;
    this.#isStalled = true;
    const waiting = this.#inFlight ?? [];
    if (waiting[0] !== undefined) this.#noteLost(waiting[0], 'the disk is too slow');
    // What is in flight may still be written.
    this.#passOver(waiting);
    this.#settle();
    this.#waitingBytes = 0;
    this.#giveUp(this.#queue.splice(0));
  }

  #giveUp(batches: readonly Batch[]): void {
    if (batches.length === 0) return;
    this.#lost += countOf(batches);
    this.#passOver(batches);
    for (const batch of batches) batch.done();
  }

  /** Ensures that no later daemon reuses the numbers of events that are published unwritten. */
  #passOver(batches: readonly Batch[]): void {
    const last = batches.at(-1);
    if (last === undefined) return;
    try {
      this.numbering.passOver(last.first + last.count - 1);
    } catch {
      // The log tells already that the disk takes nothing, and why.
    }
  }

  #noteLost({ first }: Batch, cause: string): void {
    if (this.#lostSince !== undefined) return;
    this.#lostSince = first;
    this.logger.warn({ first, cause }, 'events are not written to the journal');
  }

  #noteWritten({ first }: Batch): void {
    this.#retryAt = 0;
    if (this.#lostSince === undefined || this.#isStalled) return;
    try {
      this.numbering.catchUp();
    } catch {
      // Then a later daemon passes over numbers that it need not.
    }
    const gap = { first: this.#lostSince, last: first - 1 };
    this.#lostSince = undefined;
    this.logger.warn(gap, 'events are written to the journal again; these numbers are not all in it');
  }
}

function countOf(batches: readonly Batch[]): number {
  return batches.reduce((sum, { count }) => sum + count, 0);
}

/** For the log, which has no numbers of 64 bits. */
const textOf = ({ id, position }: RingState) => ({ id: `${id}`, position: `${position}` });
