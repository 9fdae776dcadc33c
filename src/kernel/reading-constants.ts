import { KernelTypes } from '../native/kernel-types.js';

/** How programs may read the kernel's memory: see bpf/include/direct.h. */
export function readingConstants(): Record<string, number> {
  return KernelTypes.use((types) => ({ has_rdonly_cast: Number(types.hasFunction('bpf_rdonly_cast')) }));
}
