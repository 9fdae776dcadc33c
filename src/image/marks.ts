import type { RuleSet } from '../policy/rule-set.js';

/**
 * What the nodes of an automaton are marked with, as numbers: first the rules in their order, each for what it matches;
 * then the sources; then the rules again, each for the arguments it allows; each for the names it names; each for the
 * directories that it guards though its own object keys do not start with a path; and each for what it does not cover after
 * all; then the policies that name libraries.
 */
export class Marks {
  readonly #rules: number;

  constructor(
    { rules }: RuleSet,
    readonly sources: number,
  ) {
    this.#rules = rules.length;
  }

  ofSource(source: number): number {
    return this.#rules + source;
  }

  ofArguments(rule: number): number {
    return this.#rules + this.sources + rule;
  }

  /** For questions about a name; what is sent to its addresses has the mark of the rule itself. */
  ofName(rule: number): number {
    return this.ofArguments(rule) + this.#rules;
  }

  ofGuard(rule: number): number {
    return this.ofName(rule) + this.#rules;
  }

  ofException(rule: number): number {
    return this.ofGuard(rule) + this.#rules;
  }

  /** For libraries from outside the image: the policy's number among those that name some. */
  ofLibrary(policy: number): number {
    return this.ofException(0) + this.#rules + policy;
  }

  /** Takes a set of marks, sorted, apart. */
  split(
    marks: Int32Array,
  ): Readonly<
    Record<'rules' | 'sources' | 'byArguments' | 'byName' | 'byGuard' | 'excepted' | 'byLibrary', Int32Array>
  > {
    let taken = 0;
    // Called with increasing numbers.
    const between = (from: number, to: number) => {
      const first = taken;
      while (taken < marks.length && marks[taken]! < to) taken++;
      return marks.subarray(first, taken).map((mark) => mark - from);
    };
    const end = this.#rules + this.sources;
    return {
      rules: between(0, this.#rules),
      sources: between(this.#rules, end),
      byArguments: between(end, end + this.#rules),
      byName: between(end + this.#rules, end + 2 * this.#rules),
      byGuard: between(end + 2 * this.#rules, end + 3 * this.#rules),
      excepted: between(end + 3 * this.#rules, end + 4 * this.#rules),
      byLibrary: between(end + 4 * this.#rules, Number.POSITIVE_INFINITY),
    };
  }
}
