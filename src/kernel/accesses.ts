import type { NamespacePair } from '../containers/container.js';
import { checked } from '../native/kernel-error.js';
import { takeElement } from '../native/libbpf.js';
import { containerIn, deleteIfPresent, ENOENT, keysOf, lookupIfPresent, putContainer } from './map-elements.js';

/** struct access_key of bpf/include/observe.h (a test compares them); the value is a count. */
export const ACCESS_KEY = { container: 0, access: 8 } as const;
export const ACCESS_KEY_BYTES = 16;
const COUNT_BYTES = 8;

/**
 * In place of an access number: counts how many accesses were new to a visible container, including those that found no
 * room.
 */
export const ACCESS_NONE = 0n;

/** One kind of access of a container, as the kernel counts it. */
export interface CountedAccess {
  readonly container: NamespacePair;
  /** The number the kernel has for it; a record carries it too. */
  readonly access: bigint;
}

/** How often each kind of access was made by containers under a profile: the kernel counts, this reads. */
export class AccessMap {
  constructor(readonly descriptor: number) {}

  /** 0 for an access that is not counted. */
  count(access: CountedAccess): number {
    const value = Buffer.alloc(COUNT_BYTES);
    const what = 'cannot read how often an access was made';
    return lookupIfPresent(what, this.descriptor, keyOf(access), value) ? Number(value.readBigUInt64LE()) : 0;
  }

  /** The same, and stops counting it, so that nothing is lost between. */
  take(access: CountedAccess): number {
    const value = Buffer.alloc(COUNT_BYTES);
    const result = takeElement(this.descriptor, keyOf(access), value);
    if (result === -ENOENT) return 0;
    checked('cannot take how often an access was made', result);
    return Number(value.readBigUInt64LE());
  }

  /** Stops counting it: the kernel reports it again, if it is made again under a profile. */
  forget(access: CountedAccess): void {
    deleteIfPresent('cannot forget an access', this.descriptor, keyOf(access));
  }

  list(): CountedAccess[] {
    const keys = keysOf('cannot list the accesses', this.descriptor, ACCESS_KEY_BYTES);
    return Array.from(keys, (key) => ({
      container: containerIn(key),
      access: key.readBigUInt64LE(ACCESS_KEY.access),
    }));
  }
}

function keyOf({ container, access }: CountedAccess): Buffer {
  const key = Buffer.alloc(ACCESS_KEY_BYTES);
  putContainer(key, container);
  key.writeBigUInt64LE(access, ACCESS_KEY.access);
  return key;
}
