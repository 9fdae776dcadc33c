import type { NamespacePair } from '../containers/container.js';
import { checked, KernelError } from '../native/kernel-error.js';
import { deleteElement, lookupElement, nextKey } from '../native/libbpf.js';

/** Elements of the kernel's hash maps; a missing key is not an error. */

export const ENOENT = 2;

/** Fills in the value of a key; false where there is no such key. */
export function lookupIfPresent(what: string, map: number, key: ArrayBufferView, value: Buffer): boolean {
  const result = lookupElement(map, key, value);
  if (result === -ENOENT) return false;
  checked(what, result);
  return true;
}

export function deleteIfPresent(what: string, map: number, key: ArrayBufferView): void {
  const result = deleteElement(map, key);
  if (result < 0 && result !== -ENOENT) throw new KernelError(what, -result);
}

/**
 * Every key, each in a buffer of its own. The last one yielded may be deleted. If others are removed meanwhile the
 * kernel starts again, and keys may be repeated.
 */
export function* keysOf(what: string, map: number, keyBytes: number): Generator<Buffer> {
  let key: Buffer | null = null;
  for (;;) {
    const next: Buffer = Buffer.alloc(keyBytes);
    const result = nextKey(map, key, next);
    if (key !== null) yield key;
    if (result === -ENOENT) return;
    checked(what, result);
    key = next;
  }
}

/** struct container_key of bpf/include/maps.h. */
export const CONTAINER_KEY_BYTES = 8;

export function containerKey({ pidNamespace, mountNamespace }: NamespacePair): Uint32Array {
  return Uint32Array.of(pidNamespace, mountNamespace);
}

/** Writes the container at the beginning of a key. */
export function putContainer(key: Buffer, container: NamespacePair): void {
  key.set(new Uint8Array(containerKey(container).buffer));
}

/** The container at the beginning of a key. */
export function containerIn(key: Buffer): NamespacePair {
  return { pidNamespace: key.readUInt32LE(0), mountNamespace: key.readUInt32LE(4) };
}
