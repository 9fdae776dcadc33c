import { createHash, randomUUID } from 'node:crypto';
import { inTimeSlices } from '../time-slices.js';
import { digestOf } from './record.js';

/**
 * The record of a store about itself after each write, kept in the store and by its witness: how often it was written,
 * and digests of its contents and of its history.
 */
export interface Seal {
  readonly version: 1;
  /** Different for each new store. */
  readonly store: string;
  /** Of writes. */
  readonly count: number;
  /** Digest of this write and all before it. */
  readonly chain: string;
  /** The same without this write; empty at first. */
  readonly before: string;
  /** How many records there are. */
  readonly records: number;
  /** The sum of their digests, whatever their order. */
  readonly sum: string;
}

const HEXADECIMAL = /^[0-9a-f]*$/u;
/** Sums are taken modulo two to this power, and written in this many bits. */
const SUM_BITS = 128;

/** Whether a value is of this version and form. */
export function isSeal(value: unknown): value is Seal {
  const seal = value as Partial<Seal> | undefined | null;
  if (typeof seal !== 'object' || seal === null || seal.version !== 1) return false;
  const { store, count, records, chain, before, sum } = seal;
  const isText = [store, chain, before, sum].every((text) => typeof text === 'string');
  return isText && HEXADECIMAL.test(sum!) && Number.isSafeInteger(count) && Number.isSafeInteger(records);
}

/** Of a store that was never sealed. */
export function newSeal(records: ReadonlyMap<string, string>): Seal {
  const sum = sumOf(records);
  return { version: 1, store: randomUUID(), count: 0, chain: '', before: '', records: records.size, sum };
}

/** Texts of records by their keys; undefined: no such record. */
export type Records = ReadonlyMap<string, string | undefined>;

/** The seal after a write. @param previous what the same keys had before */
export async function nextSeal(seal: Seal, batch: Records, previous: Records): Promise<Seal> {
  let sum = BigInt(`0x${seal.sum}`);
  let { records } = seal;
  for await (const [key, text] of inTimeSlices(batch)) {
    const earlier = previous.get(key);
    if (earlier !== undefined) sum -= digestOf(key, earlier);
    if (text !== undefined) sum += digestOf(key, text);
    records += Number(text !== undefined) - Number(earlier !== undefined);
  }
  const count = seal.count + 1;
  const total = hexadecimal(sum);
  const chain = createHash('sha256').update(`${seal.chain} ${count} ${records} ${total}`).digest('hex').slice(0, 32);
  return { ...seal, count, records, sum: total, chain, before: seal.chain };
}

/** Whether a seal is for exactly these records. */
export function isSealOf(seal: Seal, records: ReadonlyMap<string, string>): boolean {
  return seal.records === records.size && seal.sum === sumOf(records);
}

function sumOf(records: ReadonlyMap<string, string>): string {
  let sum = 0n;
  for (const [key, text] of records) sum += digestOf(key, text);
  return hexadecimal(sum);
}

function hexadecimal(sum: bigint): string {
  return BigInt.asUintN(SUM_BITS, sum)
    .toString(16)
    .padStart(SUM_BITS / 4, '0');
}
