import type { NamespacePair } from '../containers/container.js';
import { checked, deleteElement, KernelError, lookupElement, nextKey } from './libbpf.js';

const ENOENT = 2;
/** struct access_key of bpf/include/observe.h (a test compares them); the value is a count. */
export const ACCESS_KEY = { container: 0, access: 8 } as const;
export const ACCESS_KEY_BYTES = 16;
const COUNT_BYTES = 8;

/** One kind of access of a container, as the kernel counts it. */
export interface CountedAccess {
  readonly container: NamespacePair;
  /** The number the kernel has for it; a record carries it too. */
  readonly access: bigint;
}

/** How often each kind of access was made that a container under a profile makes: the kernel adds, this reads. */
export class AccessMap {
  constructor(readonly descriptor: number) {}

  /** 0 for one that is not counted. */
  count(access: CountedAccess): number {
    const value = Buffer.alloc(COUNT_BYTES);
    const result = lookupElement(this.descriptor, keyOf(access), value);
    if (result === -ENOENT) return 0;
    checked('cannot read how often an access was made', result);
    return Number(value.readBigUInt64LE());
  }

  /** Stops counting it: the kernel tells of it anew, if it is made again under a profile. */
  forget(access: CountedAccess): void {
    const result = deleteElement(this.descriptor, keyOf(access));
    if (result < 0 && result !== -ENOENT) throw new KernelError('cannot forget an access', -result);
  }

  list(): CountedAccess[] {
    const found: CountedAccess[] = [];
    for (let last: Buffer | null = null; ; ) {
      const key: Buffer = Buffer.alloc(ACCESS_KEY_BYTES);
      const result = nextKey(this.descriptor, last, key);
      if (result === -ENOENT) return found;
      checked('cannot list the accesses', result);
      found.push({
        container: {
          pidNamespace: key.readUInt32LE(ACCESS_KEY.container),
          mountNamespace: key.readUInt32LE(ACCESS_KEY.container + 4),
        },
        access: key.readBigUInt64LE(ACCESS_KEY.access),
      });
      last = key;
    }
  }
}

function keyOf({ container, access }: CountedAccess): Buffer {
  const key = Buffer.alloc(ACCESS_KEY_BYTES);
  key.writeUInt32LE(container.pidNamespace, ACCESS_KEY.container);
  key.writeUInt32LE(container.mountNamespace, ACCESS_KEY.container + 4);
  key.writeBigUInt64LE(access, ACCESS_KEY.access);
  return key;
}
