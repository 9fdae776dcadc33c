import { VERDICT_ACTIONS } from '../image/layout.js';
import { checked } from '../native/kernel-error.js';
import { lookupElement, possibleProcessors } from '../native/libbpf.js';
import { RULE_CLASSES } from '../policy/model.js';
import { PATH_RESULTS } from './path-results.js';

/** Order of enum counter in bpf/include/maps.h. */
export const COUNTERS = [
  ...RULE_CLASSES.flatMap((ruleClass) => VERDICT_ACTIONS.map((action) => `${ruleClass}.${action}` as const)),
  ...PATH_RESULTS.map((cause) => `refused.${cause}` as const),
  'dropped.ring-full',
  'dropped.suppressed',
  'dropped.speculative',
  'dropped.unrecorded',
  'dropped.no-buffer',
  'task-storage-failed',
  'answer-unread',
  'name-forgotten',
] as const;
export type Counter = (typeof COUNTERS)[number];

const VALUE_BYTES = 8;

/** Reads what the programs have counted since they were first attached, summed over the processors. */
export function readCounters(descriptor: number): Record<Counter, number> {
  return Object.fromEntries(COUNTERS.map((name) => [name, readCounter(descriptor, name)])) as Record<Counter, number>;
}

/** One of them. */
export function readCounter(descriptor: number, name: Counter): number {
  const values = Buffer.alloc(possibleProcessors() * VALUE_BYTES);
  const index = Uint32Array.of(COUNTERS.indexOf(name));
  checked('cannot read a counter', lookupElement(descriptor, index, values));
  let sum = 0n;
  for (let offset = 0; offset < values.length; offset += VALUE_BYTES) sum += values.readBigUInt64LE(offset);
  return Number(sum);
}
