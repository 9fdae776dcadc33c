import { decodeRecord } from './record.js';
import { isSeal, isSealOf, type Records, type Seal } from './seal.js';
import type { Testimony } from './witness.js';

/** Keys of a store's records about itself. */
export const SEAL = 'seal';
export const UNDO = 'undo';
const KEYS_NAMED_MAX = 10;

/** What the keys of the last write had before it: null where they were not there. */
export interface StoredUndo {
  readonly version: 1;
  /** Of the write. */
  readonly count: number;
  readonly previous: readonly (readonly [key: string, text: string | null])[];
}

/** The result of inspecting a store. */
export interface Inspection {
  /** All records that are not damaged, as they were when the last write was acknowledged. */
  readonly records: ReadonlyMap<string, string>;
  /**
   * Descriptions of what is missing or damaged; if there are any, the records must not be trusted as what was
   * acknowledged.
   */
  readonly damage: readonly string[];
  /** What is to be reported though nothing was lost. */
  readonly remarks: readonly string[];
  /** What to continue from; undefined: the store was never sealed. */
  readonly seal: Seal | undefined;
  /** What the write that was not acknowledged has to be undone by. */
  readonly undo: Records | undefined;
}

/** Evidence, other than the store itself, of what it should hold. */
export interface Witnesses {
  readonly testimony: Testimony;
  /** The highest id of an image that the kernel decides by; 0: none. */
  readonly newestImage: number;
}

/**
 * Judges whether what is found is what was acknowledged. A write that the store has and its witness does not was not
 * acknowledged, and is to be undone.
 *
 * @param found every record of the store
 * @param lastImageOf the highest id of an image that these records report
 */
export function inspect(
  found: ReadonlyMap<string, string>,
  { testimony, newestImage }: Witnesses,
  lastImageOf: (records: ReadonlyMap<string, string>) => number,
): Inspection {
  const damage: string[] = [];
  const remarks: string[] = [];
  let records = new Map([...found].filter(([key, text]) => key !== SEAL && key !== UNDO && isWhole(text)));
  const damaged = [...found].filter(([, text]) => !isWhole(text)).map(([key]) => key);
  if (damaged.length > 0) damage.push(`records are damaged: ${listed(damaged)}`);
  const sealText = found.get(SEAL);
  const value = sealText === undefined ? undefined : decodeRecord(sealText);
  let seal: Seal | undefined = isSeal(value) ? value : undefined;
  let undo: Records | undefined;
  const witnessed = testimony.seal;

  if (seal === undefined) {
    // A store of a version that sealed none has no witness either.
    if (sealText !== undefined && isWhole(sealText)) damage.push('its seal is of a version that is not known');
    else if (witnessed?.count === 0 && isSealOf(witnessed, records)) seal = witnessed;
    else if (testimony.state !== 'absent') damage.push(lossOf(witnessed));
  } else {
    if (damaged.length === 0 && !isSealOf(seal, records)) damage.push('records are missing, or are not the last ones');
    if (witnessed === undefined) {
      remarks.push(`its witness was ${testimony.state === 'absent' ? 'gone' : 'damaged'} and is written again`);
    } else if (witnessed.store !== seal.store) damage.push('its witness belongs to another store');
    else if (seal.count < witnessed.count) damage.push(lossOf(witnessed, seal));
    else if (seal.count === witnessed.count) {
      if (seal.chain !== witnessed.chain) damage.push('its writes differ from those that its witness recorded');
    } else if (seal.count === witnessed.count + 1 && seal.before === witnessed.chain && testimony.state === 'whole') {
      undo = readUndo(found.get(UNDO), seal.count);
      const before = undo === undefined ? undefined : applied(records, undo);
      if (before === undefined || !isSealOf(witnessed, before)) damage.push('its last write cannot be undone');
      else {
        records = before;
        seal = witnessed;
        remarks.push('its last write had not been acknowledged and is undone');
      }
    } else remarks.push('its witness was older than the store, and is written again');
  }
  const lastImage = lastImageOf(records);
  if (newestImage > lastImage)
    damage.push(`the kernel decides by policy image ${newestImage}, and the store knows of none after ${lastImage}`);
  return { records, damage, remarks, seal, undo: damage.length === 0 ? undo : undefined };
}

/** As text: how much of what was acknowledged is missing. */
export function lossOf(witnessed: Seal | undefined, seal?: Seal): string {
  if (witnessed === undefined) return 'it is gone, and its witness is damaged';
  const lost = seal === undefined ? 'all' : `the last ${witnessed.count - seal.count}`;
  return `${lost} of the ${witnessed.count} writes that were acknowledged are missing`;
}

function isWhole(text: string): boolean {
  return decodeRecord(text) !== undefined;
}

function listed(keys: readonly string[]): string {
  const more = keys.length - KEYS_NAMED_MAX;
  const named = keys.slice(0, KEYS_NAMED_MAX).map((key) => JSON.stringify(key).slice(1, -1));
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function readUndo(text: string | undefined, count: number): Records | undefined {
  const undo = text === undefined ? undefined : decodeRecord(text);
  if (!isUndo(undo) || undo.count !== count) return undefined;
  return new Map(undo.previous.map(([key, previous]) => [key, previous ?? undefined]));
}

function isUndo(value: unknown): value is StoredUndo {
  if (typeof value !== 'object' || value === null) return false;
  const { version, count, previous }: { version?: unknown; count?: unknown; previous?: unknown } = value;
  return version === 1 && Number.isSafeInteger(count) && Array.isArray(previous) && previous.every(isPrevious);
}

function isPrevious(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const [key, text] = value;
  return typeof key === 'string' && (typeof text === 'string' || text === null);
}

function applied(records: ReadonlyMap<string, string>, undo: Records): Map<string, string> {
  const result = new Map(records);
  for (const [key, text] of undo) {
    if (text === undefined) result.delete(key);
    else result.set(key, text);
  }
  return result;
}
