import { type PathMatch, type Policy, policyKey } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { ProgramClasses } from './program-classes.js';

/**
 * Libraries from outside the image that programs may load without losing their Allow rules: only where every policy
 * that has one for the program names the library, so that no policy loosens another.
 */
export class Libraries {
  /** By the number of a policy among those that name libraries. */
  readonly places: readonly (readonly PathMatch[])[];
  /** By class of programs, the numbers of the policies that allow it something; other policies are a number that names none. */
  readonly #allowing: ReadonlyMap<number, ReadonlySet<number>>;

  constructor({ rules }: RuleSet, programs: ProgramClasses) {
    const policies = new Map<string, Policy>();
    for (const { policy } of rules) if (policy.loaderLibraries !== undefined) policies.set(policyKey(policy), policy);
    this.places = [...policies.values()].map(({ loaderLibraries = [] }) => loaderLibraries);
    const allowing = new Map<number, Set<number>>();
    this.#allowing = allowing;
    if (policies.size === 0) return;
    const numbers = new Map([...policies.keys()].map((key, number) => [key, number]));
    for (const [index, { policy, rule }] of rules.entries()) {
      if (rule.action !== 'Allow' || rule.sources.length === 0) continue;
      for (const programClass of programs.namedByAny(Int32Array.of(index))) {
        const known = allowing.get(programClass) ?? new Set();
        allowing.set(programClass, known.add(numbers.get(policyKey(policy)) ?? NAMES_NONE));
      }
    }
  }

  /** The classes of programs that lose their Allow rules by loading a library that only these policies name. */
  refusedTo(naming: Int32Array): number[] {
    return [...this.#allowing]
      .filter(([, policies]) => [...policies].some((policy) => !naming.includes(policy)))
      .map(([programClass]) => programClass)
      .sort((a, b) => a - b);
  }
}

const NAMES_NONE = -1;
