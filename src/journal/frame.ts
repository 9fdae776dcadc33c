import { crc32 } from 'node:zlib';

/**
 * A batch of events as it is in a file of the journal: a header of 64 bytes, then each event as a field 1 of the
 * message StreamEventsResponse, so that a batch is read by streams as it is. All numbers are little-endian.
 */
const HEADER = {
  magic: 0,
  payloadBytes: 4,
  first: 8,
  count: 16,
  checksum: 20,
  earliest: 24,
  latest: 32,
  ringPosition: 40,
  ringId: 48,
  dropped: 56,
} as const;
export const HEADER_BYTES = 64;
const MAGIC = 0x314a4248;
const MAGIC_BYTES = Buffer.from('HBJ1');
/** No batch is longer: a greater length means damage. */
export const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

export interface FrameHeader {
  /** The sequence number of the first event. */
  readonly first: number;
  /** 0 if only the position in the ring has changed. */
  readonly count: number;
  /** Least and greatest time of its events, nanoseconds since the Unix epoch; 0 where there are none. */
  readonly earliest: bigint;
  readonly latest: bigint;
  /** The position in the kernel's ring after it, and which ring that was. */
  readonly ringPosition: bigint;
  readonly ringId: bigint;
  /** How many records the kernel had dropped by then because the ring was full. */
  readonly dropped: bigint;
}

export interface Frame extends FrameHeader {
  readonly payload: Buffer;
}

export function encodeHeader(header: FrameHeader, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32LE(MAGIC, HEADER.magic);
  bytes.writeUInt32LE(payload.length, HEADER.payloadBytes);
  bytes.writeBigUInt64LE(BigInt(header.first), HEADER.first);
  bytes.writeUInt32LE(header.count, HEADER.count);
  bytes.writeBigInt64LE(header.earliest, HEADER.earliest);
  bytes.writeBigInt64LE(header.latest, HEADER.latest);
  bytes.writeBigUInt64LE(header.ringPosition, HEADER.ringPosition);
  bytes.writeBigUInt64LE(header.ringId, HEADER.ringId);
  bytes.writeBigUInt64LE(header.dropped, HEADER.dropped);
  bytes.writeUInt32LE(crc32(payload, crc32(bytes)), HEADER.checksum);
  return bytes;
}

/** The batch that begins there; `short` if it may be complete with more bytes, undefined if there is none. */
export function decodeFrame(bytes: Buffer, offset: number): Frame | 'short' | undefined {
  if (bytes.length - offset < HEADER_BYTES) return 'short';
  const header = Buffer.from(bytes.subarray(offset, offset + HEADER_BYTES));
  const payloadBytes = header.readUInt32LE(HEADER.payloadBytes);
  if (header.readUInt32LE(HEADER.magic) !== MAGIC || payloadBytes > PAYLOAD_BYTES_MAX) return undefined;
  const end = offset + HEADER_BYTES + payloadBytes;
  if (end > bytes.length) return 'short';
  const payload = bytes.subarray(offset + HEADER_BYTES, end);
  const checksum = header.readUInt32LE(HEADER.checksum);
  header.writeUInt32LE(0, HEADER.checksum);
  if (crc32(payload, crc32(header)) !== checksum) return undefined;
  return {
    first: Number(header.readBigUInt64LE(HEADER.first)),
    count: header.readUInt32LE(HEADER.count),
    earliest: header.readBigInt64LE(HEADER.earliest),
    latest: header.readBigInt64LE(HEADER.latest),
    ringPosition: header.readBigUInt64LE(HEADER.ringPosition),
    ringId: header.readBigUInt64LE(HEADER.ringId),
    dropped: header.readBigUInt64LE(HEADER.dropped),
    payload,
  };
}

/** Where the next batch may begin at or behind a place. */
export function nextFrame(bytes: Buffer, offset: number): number {
  const found = bytes.indexOf(MAGIC_BYTES, offset);
  // The last bytes may be the beginning of one.
  return found < 0 ? Math.max(offset, bytes.length - MAGIC_BYTES.length + 1) : found;
}
