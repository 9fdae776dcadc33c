import { describeObject } from '../image/describe-object.js';
import type { ObservedAccess } from './observed-access.js';

const EXAMPLES_MAX = 3;

/** The observed evidence for a rule. */
export interface Evidence {
  /** Kinds of access. */
  readonly accesses: number;
  /** How often they were made, all together. */
  readonly count: number;
  /** Some of the objects that were accessed. */
  readonly examples: readonly string[];
  /** The programs that acted; an empty one stands for those that no rule can name. */
  readonly programs: ReadonlySet<string>;
}

export const NO_EVIDENCE: Evidence = { accesses: 0, count: 0, examples: [], programs: new Set() };

export function evidenceOf({ object, program, count }: ObservedAccess): Evidence {
  return { accesses: 1, count, examples: [describeObject(object)], programs: new Set([program]) };
}

export function joined(a: Evidence, b: Evidence): Evidence {
  return {
    accesses: a.accesses + b.accesses,
    count: a.count + b.count,
    examples: [...new Set([...a.examples, ...b.examples])].slice(0, EXAMPLES_MAX),
    programs: new Set([...a.programs, ...b.programs]),
  };
}

/** The evidence for each of several things; things are equal if all of their members are. */
export class Gathered<Thing> {
  readonly #byKey = new Map<string, readonly [Thing, Evidence]>();

  get entries(): readonly (readonly [Thing, Evidence])[] {
    return [...this.#byKey.values()];
  }

  add(thing: Thing, access: ObservedAccess): void {
    this.join(thing, evidenceOf(access));
  }

  join(thing: Thing, evidence: Evidence): void {
    const key = JSON.stringify(thing);
    const known = this.#byKey.get(key)?.[1];
    this.#byKey.set(key, [thing, known === undefined ? evidence : joined(known, evidence)]);
  }
}
