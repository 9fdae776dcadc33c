import type { PathObject, ReportedObject } from '../image/reported-object.js';
import { writeObjectKey } from '../image/write-object-key.js';
import type { Operation, Ownership } from '../policy/effect.js';
import type { RuleClass } from '../policy/model.js';

/** One kind of access that was seen, once or many times. */
export interface ObservedAccess {
  readonly class: RuleClass;
  /** Operations that one access asked for together. */
  readonly operations: readonly Operation[];
  readonly object: ReportedObject;
  /** Path of the program that acts; empty where it has none, or where it was not a program of the container's. */
  readonly program: string;
  /** Of a program that was run: that of the acting process's parent, as reported; left out if not known. */
  readonly parent?: string;
  /** A runtime that enters the container acted. */
  readonly fromOutside: boolean;
  /** Whether the acting user owned the file. */
  readonly ownership: Ownership;
  /** Whether the acting process had a controlling terminal. */
  readonly terminal: boolean;
  readonly count: number;
}

/** An access to a file, as a program or by what it contains. */
export type PathAccess = ObservedAccess & { readonly object: PathObject };

export function isPathAccess(access: ObservedAccess): access is PathAccess {
  return access.object.kind === 'path';
}

/** Equal for accesses that differ in nothing but how often they were seen. */
export function accessKey(access: ObservedAccess): string {
  const { operations, object, program, fromOutside, ownership, terminal } = access;
  return `${access.class} ${operations} ${ownership} ${terminal} ${fromOutside}\0${writeObjectKey(object)}\0${program}`;
}

/** Merges equal accesses into one, with the sum of their counts. */
export function mergeAccesses(accesses: Iterable<ObservedAccess>): ObservedAccess[] {
  const merged = new Map<string, ObservedAccess>();
  for (const access of accesses) {
    const key = accessKey(access);
    const known = merged.get(key);
    merged.set(key, known === undefined ? access : { ...known, count: known.count + access.count });
  }
  return [...merged.values()];
}
