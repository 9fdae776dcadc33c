import { CLASS_OF_OPERATION, effectOf, OPERATIONS, OWNERSHIPS } from '../policy/effect.js';
import type { Action } from '../policy/model.js';
import { RULE_CLASSES } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { DecidingRule } from './image.js';
import { IntBuffer, IntListTable } from './integers.js';
import {
  PROGRAM_CLASS_UNNAMED,
  RULE_NONE,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_VERDICT,
  VERDICT_ACTION_SHIFT,
  VERDICT_ACTIONS,
} from './layout.js';
import type { Budget } from './limits.js';
import { classifyPrograms, type ProgramClasses } from './program-classes.js';

/** The cells of a verdict row, in the order of its words. */
const CELLS = OPERATIONS.flatMap((operation) => OWNERSHIPS.map((ownership) => ({ operation, ownership })));
const NO_EFFECT = -1;
const DEFAULT_ROW = 0;

/**
 * What the end of a path means. A set of marks, which are the rules that match and perhaps the class of the program of
 * that path, gets a label: equal labels where nothing tells two sets apart, whatever the program that acts.
 */
export class Verdicts {
  readonly programs: ProgramClasses;
  readonly decidingRules: readonly DecidingRule[];
  readonly #effects: Int8Array;
  readonly #defaults: Int32Array;
  readonly #rows = new IntListTable();
  /** A label is a list of symbols, each followed by the value it leads to. */
  readonly #labels = new IntListTable();
  readonly #labelOfMarks: number[] = [];
  readonly #markSets = new IntListTable();

  constructor(
    readonly ruleSet: RuleSet,
    readonly budget: Budget,
  ) {
    const { rules, postures } = ruleSet;
    this.programs = classifyPrograms(rules);
    this.#effects = Int8Array.from(
      rules.flatMap(({ rule }) => CELLS.map((cell) => actionCode(effectOf(rule, cell.operation, cell.ownership)))),
    );
    const decidingRules: DecidingRule[] = [...rules];
    const defaults = CELLS.map(() => verdictWord('Allow', RULE_NONE));
    for (const ruleClass of RULE_CLASSES) {
      const posture = postures[ruleClass];
      if (posture === undefined) continue;
      CELLS.forEach(({ operation }, cell) => {
        if (CLASS_OF_OPERATION[operation] !== ruleClass) return;
        defaults[cell] = verdictWord(posture === 'audit' ? 'Audit' : 'Block', decidingRules.length);
      });
      decidingRules.push({ posture, class: ruleClass });
    }
    this.decidingRules = decidingRules;
    this.#defaults = Int32Array.from(defaults);
    this.#rows.intern(this.#defaults, 0, CELLS.length);
    this.#labels.intern(new Int32Array(0), 0, 0);
  }

  /** The mark of a program of this class. The mark of a rule is its place in the set. */
  markOfClass(programClass: number): number {
    return this.ruleSet.rules.length + programClass;
  }

  /** The words of every verdict row, one after the other; the first row is that of what no rule matches. */
  rowWords(): Int32Array {
    return this.#rows.pool.values.subarray(0, this.#rows.pool.length);
  }

  get defaultRow(): number {
    return DEFAULT_ROW;
  }

  /** Symbols and values of a label, taken in turn. */
  labelEntries(label: number): Int32Array {
    return this.#labels.pool.values.subarray(this.#labels.startOf(label), this.#labels.startOf(label + 1));
  }

  /** The label of a set of marks, sorted. */
  labelOf(marks: IntBuffer): number {
    const set = this.#markSets.intern(marks.values, 0, marks.length);
    if (set < this.#labelOfMarks.length) return this.#labelOfMarks[set]!;
    const entries = this.#resolve(marks);
    const label = this.#labels.intern(entries.values, 0, entries.length);
    this.#labelOfMarks.push(label);
    return label;
  }

  #resolve(marks: IntBuffer): IntBuffer {
    const entries = new IntBuffer();
    const ruleCount = this.ruleSet.rules.length;
    const rules = marks.values.subarray(0, marks.length).filter((mark) => mark < ruleCount);
    const last = marks.length === 0 ? 0 : marks.at(marks.length - 1);
    if (last >= ruleCount) {
      entries.push(SYMBOL_PROGRAM_CLASS);
      entries.push(last - ruleCount);
    }
    const unnamed = this.#rowOf(rules, PROGRAM_CLASS_UNNAMED);
    if (unnamed !== DEFAULT_ROW) {
      entries.push(SYMBOL_VERDICT);
      entries.push(unnamed);
    }
    for (const programClass of this.programs.namedByAny(rules)) {
      const row = this.#rowOf(rules, programClass);
      if (row === unnamed) continue;
      entries.push(SYMBOL_VERDICT + programClass);
      entries.push(row);
    }
    this.budget.bound('transitions', this.#labels.pool.length + entries.length);
    return entries;
  }

  /** The row for these rules, in their order, and a program of this class: the first rule with an effect decides. */
  #rowOf(rules: Int32Array, programClass: number): number {
    this.budget.spend(rules.length + 1);
    const row = Int32Array.from(this.#defaults);
    let open = (1 << CELLS.length) - 1;
    for (const rule of rules) {
      if (!this.programs.reaches(rule, programClass)) continue;
      for (let cell = 0; cell < CELLS.length; cell++) {
        const effect = this.#effects[rule * CELLS.length + cell]!;
        if (effect === NO_EFFECT || (open & (1 << cell)) === 0) continue;
        row[cell] = (effect << VERDICT_ACTION_SHIFT) | rule;
        open &= ~(1 << cell);
      }
      if (open === 0) break;
    }
    return this.#rows.intern(row, 0, CELLS.length);
  }
}

function actionCode(action: Action | undefined): number {
  return action === undefined ? NO_EFFECT : VERDICT_ACTIONS.indexOf(action);
}

function verdictWord(action: Action, rule: number): number {
  return (VERDICT_ACTIONS.indexOf(action) << VERDICT_ACTION_SHIFT) | rule;
}
