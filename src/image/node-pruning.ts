import { CLASS_OF_OPERATION, effectOf, OPERATIONS, type Operation, OWNERSHIPS } from '../policy/effect.js';
import type { BoundRule } from '../policy/model.js';
import { RULE_CLASSES } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import { isStep, type Steps } from '../steps.js';
import type { IntBuffer } from './integers.js';
import { namesMapping } from './layout.js';
import { LOOP_ANY, NO_NODE, type NondeterministicAutomaton } from './nondeterministic.js';

const NEVER = 0x7fffffff;

/**
 * Drops from a set of nodes those that can no longer change a decision. Once a rule that leaves nothing undecided has
 * matched, whatever the rest of the path may be, later rules of its class need not be followed. This keeps sets of
 * patterns such as several `/**` + `/name/**` from multiplying: instead of a state for every combination of names seen
 * there is one for each name that decides.
 */
export class NodePruning {
  /** Per rule class and node: the first rule that can still match from there. A program's mark counts as one. */
  readonly #reachable: readonly Int32Array[];
  /** Per rule class and node: the first rule that has matched for good and decides alone. */
  readonly #settled: readonly Int32Array[];

  private constructor(reachable: readonly Int32Array[], settled: readonly Int32Array[]) {
    this.#reachable = reachable;
    this.#settled = settled;
  }

  static *inSteps(automaton: NondeterministicAutomaton, { rules }: RuleSet): Steps<NodePruning> {
    const classes = RULE_CLASSES.filter((ruleClass) => rules.some(({ rule }) => rule.class === ruleClass));
    const classOfRule = rules.map(({ rule }) => classes.indexOf(rule.class));
    // Rules that do not name mapping decide nothing about it; if none names it, it can be ignored. Questions for names
    // have object keys of their own.
    const operations = OPERATIONS.filter(
      (operation) => operation !== 'resolve' && (operation !== 'map' || rules.some(namesMapping)),
    );
    const made = new NodePruning(
      classes.map(() => new Int32Array(automaton.nodes).fill(NEVER)),
      classes.map(() => new Int32Array(automaton.nodes).fill(NEVER)),
    );
    const isAlone: boolean[] = [];
    for (const [index, rule] of rules.entries()) {
      isAlone.push(decidesAlone(rule, operations));
      if (isStep(index)) yield;
    }
    for (let node = automaton.nodes - 1; node >= 0; node--) {
      if (automaton.firstMark.at(node) !== NO_NODE) made.#readMarks(automaton, node, classOfRule, isAlone);
      for (const reachable of made.#reachable) inherit(automaton, node, reachable);
      if (isStep(node)) yield;
    }
    return made;
  }

  /** Removes the nodes that need not be followed from a set. */
  prune(set: IntBuffer): void {
    if (set.length < 2) return;
    const settled = this.#settled.map((ruleOf) => {
      let first = NEVER;
      for (let index = 0; index < set.length; index++) first = Math.min(first, ruleOf[set.at(index)]!);
      return first;
    });
    if (settled.every((rule) => rule === NEVER)) return;
    let kept = 0;
    for (let index = 0; index < set.length; index++) {
      const node = set.at(index);
      if (this.#reachable.some((ruleOf, ruleClass) => ruleOf[node]! < NEVER && ruleOf[node]! <= settled[ruleClass]!)) {
        set.values[kept++] = node;
      }
    }
    set.length = kept;
  }

  #readMarks(
    automaton: NondeterministicAutomaton,
    node: number,
    classOfRule: readonly number[],
    isAlone: readonly boolean[],
  ): void {
    for (let item = automaton.firstMark.at(node); item !== NO_NODE; item = automaton.nextMark.at(item)) {
      const mark = automaton.mark.at(item);
      const ruleClass = classOfRule[mark];
      if (ruleClass === undefined) {
        for (const reachable of this.#reachable) reachable[node] = 0;
        continue;
      }
      lower(this.#reachable[ruleClass]!, node, mark);
      if (automaton.loop.at(node) === LOOP_ANY && isAlone[mark]) lower(this.#settled[ruleClass]!, node, mark);
    }
  }
}

function inherit(automaton: NondeterministicAutomaton, node: number, reachable: Int32Array): void {
  const { firstChild, nextSibling, firstRange, nextRange, rangeTarget, firstEmpty, nextEmpty, emptyTarget } = automaton;
  let first = reachable[node]!;
  for (let child = firstChild.at(node); child !== NO_NODE; child = nextSibling.at(child)) {
    first = Math.min(first, reachable[child]!);
  }
  for (let item = firstRange.at(node); item !== NO_NODE; item = nextRange.at(item)) {
    first = Math.min(first, reachable[rangeTarget.at(item)]!);
  }
  for (let item = firstEmpty.at(node); item !== NO_NODE; item = nextEmpty.at(item)) {
    first = Math.min(first, reachable[emptyTarget.at(item)]!);
  }
  reachable[node] = first;
}

function lower(ruleOf: Int32Array, node: number, rule: number): void {
  if (rule < ruleOf[node]!) ruleOf[node] = rule;
}

/** Whether no later rule can decide about an access of its class. */
function decidesAlone({ policy, rule }: BoundRule, operations: readonly Operation[]): boolean {
  return (
    policy.mode !== 'audit' &&
    rule.sources.length === 0 &&
    !rule.terminal &&
    !(rule.match.kind === 'preset' && rule.match.except) &&
    operations
      .filter((operation) => CLASS_OF_OPERATION[operation] === rule.class)
      .every((operation) => OWNERSHIPS.every((ownership) => effectOf(rule, operation, ownership) !== undefined))
  );
}
