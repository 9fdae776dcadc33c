import { reportedObject } from '../image/read-object-key.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import { ACCESS_VERSION, type StoredAccess } from './stored-state.js';

/** Version 1, which had no number, held the object as the kernel wrote it then, under the name `word`. */
interface FirstAccessRecord extends Omit<StoredAccess, 'access'> {
  readonly version?: undefined;
  readonly access: Omit<ObservedAccess, 'object'> & { readonly word: string };
}

interface SecondAccessRecord extends StoredAccess {
  readonly version: typeof ACCESS_VERSION;
}

/** A record of an access as it is on disk. */
export type StoredAccessRecord = FirstAccessRecord | SecondAccessRecord;

/**
 * Version 1 is read by the encoding of today, which is that of its time: test/unit/store/stored-access.test.ts fails when
 * the encoding changes. Then the reader of that time has to be kept here.
 */
export function accessOfRecord(record: StoredAccessRecord): StoredAccess {
  if (record.version === ACCESS_VERSION) {
    const { version, ...stored } = record;
    return stored;
  }
  const { word, ...access } = record.access;
  return { ...record, access: { ...access, object: reportedObject(word) } };
}

export function recordOfAccess(stored: StoredAccess): StoredAccessRecord {
  return { version: ACCESS_VERSION, ...stored };
}
