import { checked, lookupElement, possibleProcessors } from './libbpf.js';

/** Order of enum counter in bpf/include/maps.h. */
export const COUNTERS = [
  'process.Allow',
  'process.Audit',
  'process.Block',
  'file.Allow',
  'file.Audit',
  'file.Block',
  'network.Allow',
  'network.Audit',
  'network.Block',
  'capabilities.Allow',
  'capabilities.Audit',
  'capabilities.Block',
  'refused.resolved',
  'refused.too-long',
  'refused.unreachable',
  'refused.unstable',
  'refused.unavailable',
  'dropped.ring-full',
  'dropped.held-back',
  'dropped.speculative',
  'task-storage-failed',
] as const;
export type Counter = (typeof COUNTERS)[number];

const VALUE_BYTES = 8;

/** Reads what the programs have counted since they were first attached, summed over the processors. */
export function readCounters(descriptor: number): Record<Counter, number> {
  const values = Buffer.alloc(possibleProcessors() * VALUE_BYTES);
  const read = COUNTERS.map((name, index) => {
    checked('cannot read a counter', lookupElement(descriptor, Uint32Array.of(index), values));
    let sum = 0n;
    for (let offset = 0; offset < values.length; offset += VALUE_BYTES) sum += values.readBigUInt64LE(offset);
    return [name, Number(sum)];
  });
  return Object.fromEntries(read);
}
