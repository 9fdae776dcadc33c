import { mkdirSync, readdirSync, statSync, unlinkSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeFrame, type Frame, HEADER_BYTES, nextFrame } from './frame.js';

/** One file of the journal. */
export interface Segment {
  readonly path: string;
  /** No event in it has a lower number. */
  readonly first: number;
  /** Bytes that are written and whole. */
  bytes: number;
  /** Time of its last event, nanoseconds since the Unix epoch. */
  latest: bigint;
}

const SUFFIX = '.events';
const CHUNK_BYTES = 1024 * 1024;

/** The files of a directory, the oldest first. */
export function listSegments(directory: string): Segment[] {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return readdirSync(directory)
    .filter((name) => /^\d{16}\.events$/u.test(name))
    .toSorted()
    .map((name) => {
      const path = join(directory, name);
      const { size, mtimeMs } = statSync(path);
      return {
        path,
        first: Number(name.slice(0, -SUFFIX.length)),
        bytes: size,
        latest: BigInt(Math.round(mtimeMs)) * 1_000_000n,
      };
    });
}

export function segmentPath(directory: string, first: number): string {
  return join(directory, `${String(first).padStart(16, '0')}${SUFFIX}`);
}

export function removeSegment({ path }: Segment): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** The batches of a file, in order; damaged parts are skipped. */
export async function* readSegment(segment: Segment): AsyncGenerator<Frame> {
  let file: FileHandle;
  try {
    file = await open(segment.path);
  } catch (error) {
    // It was removed before it was read.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  try {
    let bytes: Buffer = Buffer.alloc(0);
    let offset = 0;
    for (let position = 0; ; ) {
      const frame = decodeFrame(bytes, offset);
      if (frame === undefined) offset = nextFrame(bytes, offset + 1);
      else if (frame !== 'short') {
        offset += frame.payload.length + HEADER_BYTES;
        yield frame;
      } else {
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, segment.bytes - position));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
        if (bytesRead === 0) {
          // A batch that seems to end beyond the file may have others in it.
          if (bytes.length - offset <= HEADER_BYTES) return;
          offset = nextFrame(bytes, offset + 1);
          continue;
        }
        position += bytesRead;
        bytes = Buffer.concat([bytes.subarray(offset), chunk.subarray(0, bytesRead)]);
        offset = 0;
      }
    }
  } finally {
    await file.close();
  }
}
