import { read } from 'node:fs';
import { promisify } from 'node:util';
import { checked } from '../native/kernel-error.js';
import { createIterator, createLink } from '../native/libbpf.js';
import { closeDescriptor } from '../native/libc.js';

/** enum bpf_attach_type of include/uapi/linux/bpf.h */
const BPF_TRACE_ITER = 28;

const readAsync = promisify(read);

/** Links a program that is run for each element of the kernel's tables as a descriptor is read; to be closed. */
export function linkIterator(program: number): number {
  return checked('cannot attach an iterator', createLink(program, 0, BPF_TRACE_ITER, null));
}

/**
 * One pass over the elements, off the main thread: yields what the program writes, in pieces that may end anywhere. A
 * piece is valid until the next is requested.
 *
 * @param link from `linkIterator`
 */
export async function* readPass(link: number, chunkBytes: number): AsyncGenerator<Buffer> {
  const iterator = checked('cannot begin a pass of an iterator', createIterator(link));
  const chunk = Buffer.alloc(chunkBytes);
  try {
    for (;;) {
      const { bytesRead } = await readAsync(iterator, chunk, 0, chunkBytes, null);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } finally {
    closeDescriptor(iterator);
  }
}
