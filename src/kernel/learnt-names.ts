import { type NamespacePair, namespaceKey } from '../containers/container.js';
import { containerIn, deleteIfPresent, keysOf } from './map-elements.js';

/** struct learnt_key of bpf/include/names.h (a test compares them), and how many the kernel keeps. */
export const LEARNT_KEY_BYTES = 28;
const LEARNT_MAX = 16384;

/** Takes from the kernel what a container has learnt of the addresses of names. */
export function forgetLearntNames(learnt: number, container: NamespacePair): void {
  let count = 0;
  for (const key of keysOf('cannot list the names of containers', learnt, LEARNT_KEY_BYTES)) {
    if (namespaceKey(containerIn(key)) === namespaceKey(container)) {
      deleteIfPresent('cannot forget the names of a container', learnt, key);
    }
    // The kernel has begun anew often enough; what comes in meanwhile is another container's.
    if (++count === 2 * LEARNT_MAX) return;
  }
}
