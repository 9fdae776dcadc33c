import type { RuleSet } from '../policy/rule-set.js';
import type { Steps } from '../steps.js';
import { LABEL_NOTHING } from './automaton.js';
import type { DecidingRule } from './image.js';
import { IntBuffer, IntListTable } from './integers.js';
import {
  ACTOR_HAS_TERMINAL,
  ACTOR_IS_PARENT,
  PROGRAM_CLASS_BITS,
  PROGRAM_CLASS_UNNAMED,
  SUBJECTS,
  type Subject,
  SYMBOL_GUARD,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_SOURCE,
  SYMBOL_VERDICT,
  SYMBOLS_PER_CLASS,
  VERDICT_RULE_MASK,
} from './layout.js';
import { Libraries } from './libraries.js';
import type { Budget } from './limits.js';
import { Marks } from './marks.js';
import type { ProgramClasses } from './program-classes.js';
import { ROW_WORDS, Rows } from './rows.js';
import { SOURCE_WORDS, sourceVerdicts } from './source-verdicts.js';

const EMPTY = new Int32Array(0);
/** The class of the parent's program. */
type Parent = number;
const NO_PARENT = -1;
const UNKNOWN_PARENT = PROGRAM_CLASS_UNNAMED;
const STEP_WORDS = 4096;

/**
 * What the end of a path or object key means. A set of marks (the rules that match, and the sources that a program with
 * that path is) gets a label; two sets get the same label if they decide the same, whichever program acts.
 */
export class Verdicts {
  readonly marks: Marks;
  readonly libraries: Libraries;
  readonly decidingRules: readonly DecidingRule[];
  /** Rows for what no rule matches, in the order of the subjects. */
  readonly defaultRows: readonly number[];
  readonly #sources: Uint32Array;
  readonly #isForTerminal: readonly boolean[];
  readonly #hasTerminals: boolean;
  /** Whether the rule holds for the children of its sources as well. */
  readonly #isForChildren: readonly boolean[];
  readonly #settled: Rows;
  readonly #rows = new IntListTable();
  /** A label is a list of symbols, each followed by the value it leads to. */
  readonly #labels = new IntListTable();
  readonly #labelOfMarks: number[] = [];
  readonly #markSets = new IntListTable();
  readonly #guardSets = new IntListTable();

  constructor(
    readonly ruleSet: RuleSet,
    readonly programs: ProgramClasses,
    readonly budget: Budget,
  ) {
    this.marks = new Marks(ruleSet, programs.sources.length);
    this.libraries = new Libraries(ruleSet, programs);
    this.#sources = sourceVerdicts(ruleSet, programs);
    this.#isForTerminal = ruleSet.rules.map(({ rule }) => rule.terminal === true);
    this.#hasTerminals = this.#isForTerminal.includes(true);
    this.#isForChildren = ruleSet.rules.map(({ rule }) => rule.class === 'process' && rule.sources.length > 0);
    this.#settled = new Rows(ruleSet);
    this.decidingRules = this.#settled.decidingRules;
    this.defaultRows = SUBJECTS.map((subject) => this.#rows.intern(this.#settled.defaultOf(subject), 0, ROW_WORDS));
    this.#labels.intern(EMPTY, 0, 0);
  }

  /** How many actors an image distinguishes: see ACTOR_HAS_TERMINAL. */
  get actors(): number {
    return SYMBOLS_PER_CLASS * (this.programs.count + 1);
  }

  /** The words of every verdict row, one after the other. */
  rowWords(): Int32Array {
    return this.#rows.pool.values.subarray(0, this.#rows.pool.length);
  }

  /** The verdicts of the programs of a class as sources, see SYMBOL_SOURCE. */
  sourceWords(programClass: number): Uint32Array {
    return this.#sources.subarray(programClass * SOURCE_WORDS, (programClass + 1) * SOURCE_WORDS);
  }

  /** The numbers of rules that decide in some row. */
  *decidedRules(): Steps<ReadonlySet<number>> {
    const decided = new Set<number>();
    for (const [index, word] of this.rowWords().entries()) {
      decided.add(word & VERDICT_RULE_MASK);
      if (index % STEP_WORDS === 0) yield;
    }
    return decided;
  }

  /** Symbols and values of a label, taken in turn. */
  labelEntries(label: number): Int32Array {
    if (label === LABEL_NOTHING) return EMPTY;
    return this.#labels.pool.values.subarray(this.#labels.startOf(label), this.#labels.startOf(label + 1));
  }

  /** The rules that a label of a guard key stands for; none for another label. */
  guardingRules(label: number): Int32Array {
    const [symbol, set] = this.labelEntries(label);
    if (symbol !== SYMBOL_GUARD) return EMPTY;
    return this.#guardSets.pool.values.subarray(this.#guardSets.startOf(set!), this.#guardSets.startOf(set! + 1));
  }

  /** The label of a set of marks, sorted. */
  labelOf(marks: IntBuffer): number {
    if (marks.length === 0) return LABEL_NOTHING;
    const set = this.#markSets.intern(marks.values, 0, marks.length);
    if (set < this.#labelOfMarks.length) return this.#labelOfMarks[set]!;
    const entries = this.#resolve(marks);
    const label = this.#labels.intern(entries.values, 0, entries.length);
    this.#labelOfMarks.push(label);
    return label;
  }

  #resolve(marks: IntBuffer): IntBuffer {
    const entries = new IntBuffer();
    const add = (symbol: number, value: number) => {
      entries.push(symbol);
      entries.push(value);
    };
    const { sources, byArguments, byName, byGuard, byLibrary, ...split } = this.marks.split(
      marks.values.subarray(0, marks.length),
    );
    const rules = split.rules.filter((rule) => !split.excepted.includes(rule));
    const programClass = sources.length === 0 ? PROGRAM_CLASS_UNNAMED : this.programs.classOf(sources);
    if (programClass !== PROGRAM_CLASS_UNNAMED) {
      add(SYMBOL_PROGRAM_CLASS, programClass | (this.programs.withoutAllow(programClass) << PROGRAM_CLASS_BITS));
      add(SYMBOL_SOURCE, programClass);
    }
    if (byArguments.length > 0) {
      const row = this.#settled.ofArguments(byArguments[0]!);
      add(SYMBOL_VERDICT, this.#rows.intern(row, 0, ROW_WORDS));
    }
    if (rules.length > 0) this.#addRows(this.#settled.subjectOf(rules), rules, add);
    if (byName.length > 0) this.#addRows('names', byName, add);
    if (byGuard.length > 0) add(SYMBOL_GUARD, this.#guardSets.intern(byGuard, 0, byGuard.length));
    if (byLibrary.length > 0) this.#addLibraryRows(byLibrary, add);
    this.budget.bound('transitions', this.#labels.pool.length + entries.length);
    return entries;
  }

  #addRows(subject: Subject, rules: Int32Array, add: (symbol: number, row: number) => void): void {
    this.#addRowsFor(subject, rules, NO_PARENT, (symbol, row) => {
      if (symbol !== SYMBOL_VERDICT || row !== this.defaultRows[SUBJECTS.indexOf(subject)]) add(symbol, row);
    });
    const forChildren = rules.filter((rule) => this.#isForChildren[rule]);
    if (forChildren.length === 0) return;
    const ownRows = this.#labelOfRows(subject, rules, NO_PARENT);
    for (const parent of [UNKNOWN_PARENT, ...this.programs.namedByAny(forChildren)]) {
      const label = this.#labelOfRows(subject, rules, parent);
      if (label !== ownRows) add(SYMBOL_VERDICT + parent * SYMBOLS_PER_CLASS + ACTOR_IS_PARENT, label);
    }
  }

  /** A library that these policies name: allowed, except to programs that other policies allow something. */
  #addLibraryRows(naming: Int32Array, add: (symbol: number, row: number) => void): void {
    const [allowed, refused] = [true, false].map((is) => this.#rows.intern(this.#settled.ofLibrary(is), 0, ROW_WORDS));
    add(SYMBOL_VERDICT, allowed!);
    for (const programClass of this.libraries.refusedTo(naming)) {
      add(SYMBOL_VERDICT + programClass * SYMBOLS_PER_CLASS, refused!);
    }
  }

  /** The label of a state that has only transitions on the actor. */
  #labelOfRows(subject: Subject, rules: Int32Array, parent: Parent): number {
    const entries = new IntBuffer();
    this.#addRowsFor(subject, rules, parent, (symbol, row) => {
      entries.push(symbol);
      entries.push(row);
    });
    return this.#labels.intern(entries.values, 0, entries.length);
  }

  /** The first entry is for all; others only where the row differs from the one that a look-up has found by then. */
  #addRowsFor(subject: Subject, rules: Int32Array, parent: Parent, add: (symbol: number, row: number) => void): void {
    const others = this.#rowOf(subject, rules, parent, PROGRAM_CLASS_UNNAMED, false);
    add(SYMBOL_VERDICT, others);
    const onTerminal = this.#hasTerminals ? this.#rowOf(subject, rules, parent, PROGRAM_CLASS_UNNAMED, true) : others;
    if (onTerminal !== others) add(SYMBOL_VERDICT + ACTOR_HAS_TERMINAL, onTerminal);
    for (const programClass of this.programs.namedByAny(rules)) {
      const symbol = SYMBOL_VERDICT + SYMBOLS_PER_CLASS * programClass;
      const row = this.#rowOf(subject, rules, parent, programClass, false);
      if (row !== others) add(symbol, row);
      if (!this.#hasTerminals) continue;
      const rowOnTerminal = this.#rowOf(subject, rules, parent, programClass, true);
      if (rowOnTerminal !== (row === others ? onTerminal : row)) add(symbol + ACTOR_HAS_TERMINAL, rowOnTerminal);
    }
  }

  /** The row for these rules, in their order, and a program of this class, with or without a terminal. */
  #rowOf(subject: Subject, rules: Int32Array, parent: Parent, programClass: number, terminal: boolean): number {
    this.budget.spend(rules.length + 1);
    const reaching = rules.filter(
      (rule) =>
        (this.programs.reaches(rule, programClass) || this.#reachesChildren(rule, parent)) &&
        (terminal || !this.#isForTerminal[rule]),
    );
    const row = reaching.length > 0 ? this.#settled.of(subject, reaching) : this.#settled.defaultOf(subject);
    return this.#rows.intern(row, 0, ROW_WORDS);
  }

  #reachesChildren(rule: number, parent: Parent): boolean {
    if (parent === NO_PARENT || !this.#isForChildren[rule]) return false;
    if (parent === UNKNOWN_PARENT) return this.ruleSet.rules[rule]!.rule.action !== 'Allow';
    return this.programs.reaches(rule, parent);
  }
}
