import { append } from '../policy/append.js';
import { CLASS_OF_OPERATION } from '../policy/effect.js';
import type { BoundRule } from '../policy/model.js';
import { isStep, type Steps } from '../steps.js';
import type { Access } from './access.js';
import { readingOf } from './kinds/kinds.js';
import { latin1 } from './kinds/part.js';

/** Finds the rules that may cover an access, by their class and by what a path begins with, without asking each. */
export class RuleIndex {
  readonly #rules: readonly BoundRule[];
  /** The places of rules, by class and the start of the paths they cover. */
  readonly #places = new Map<string, number[]>();
  readonly #lengths = new Set<number>();

  private constructor(rules: readonly BoundRule[]) {
    this.#rules = rules;
  }

  static *inSteps(rules: readonly BoundRule[]): Steps<RuleIndex> {
    const index = new RuleIndex(rules);
    for (const [place, { rule }] of rules.entries()) {
      const start = readingOf(rule.match).start(rule.match);
      append(index.#places, `${rule.class} ${start}`, place);
      index.#lengths.add(start.length);
      if (isStep(place)) yield;
    }
    return index;
  }

  /** All rules that cover it and some that do not, in their order. */
  candidatesFor({ operation, object }: Access): BoundRule[] {
    const text = object.kind === 'path' ? latin1(object.path) : '';
    const starts = [...this.#lengths].filter((length) => length <= text.length).map((length) => text.slice(0, length));
    return starts
      .flatMap((start) => this.#places.get(`${CLASS_OF_OPERATION[operation]} ${start}`) ?? [])
      .sort((a, b) => a - b)
      .map((place) => this.#rules[place]!);
  }
}
