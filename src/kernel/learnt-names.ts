import type { NamespacePair } from '../containers/container.js';
import { checked, deleteElement, KernelError, nextKey } from './libbpf.js';

const ENOENT = 2;
/** struct learnt_key of bpf/include/names.h (a test compares them), and how many the kernel keeps. */
export const LEARNT_KEY_BYTES = 28;
const LEARNT_MAX = 16384;

/** Takes from the kernel what a container has learnt of the addresses of names. */
export function forgetLearntNames(learnt: number, { pidNamespace, mountNamespace }: NamespacePair): void {
  let last: Uint32Array | null = null;
  // The kernel begins anew where a key has gone meanwhile; what comes in meanwhile is another container's.
  for (let count = 0; count < 2 * LEARNT_MAX; count++) {
    const key: Uint32Array = new Uint32Array(LEARNT_KEY_BYTES / 4);
    const found = nextKey(learnt, last, key);
    if (last?.[0] === pidNamespace && last[1] === mountNamespace) {
      const result = deleteElement(learnt, last);
      if (result < 0 && result !== -ENOENT) throw new KernelError('cannot forget the names of a container', -result);
    }
    if (found === -ENOENT) return;
    checked('cannot list the names of containers', found);
    last = key;
  }
}
