import type { BoundRule } from '../policy/model.js';
import { isStep, type Steps } from '../steps.js';
import type { DecidingRule } from './image.js';
import { IntListTable } from './integers.js';
import {
  ACTOR_HAS_TERMINAL,
  isOfParent,
  PROGRAM_CLASS_MASK,
  PROGRAM_CLASS_UNNAMED,
  SYMBOL_PROGRAM_CLASS,
  SYMBOL_VERDICT,
  SYMBOLS_PER_CLASS,
  VERDICT_ACTION_SHIFT,
  VERDICT_ACTIONS,
  VERDICT_BY_ARGUMENTS,
  VERDICT_RULE_MASK,
} from './layout.js';
import { ROW_WORDS } from './rows.js';
import type { Verdicts } from './verdicts.js';

const BLOCK = VERDICT_ACTIONS.indexOf('Block');
const AUDIT = VERDICT_ACTIONS.indexOf('Audit');
export const NO_RULE = -1;

/** How closely decisions are compared: whether they are the same, or only whether both refuse or neither does. */
export type GuardLevel = 'Audit' | 'Block';

/** What labels decide, at each level of comparison. */
export interface GuardLabels {
  /** By label, a number that is 0 where the decision is the same as for what no rule names. */
  readonly numbers: Readonly<Record<GuardLevel, Int32Array>>;
  /** By label, the first rule that refuses something there, or that reports it. */
  readonly rules: Readonly<Record<GuardLevel, Int32Array>>;
  /** The same for what no rule names: the default posture. */
  readonly byDefault: Readonly<Record<GuardLevel, number>>;
}

export const GUARD_LEVELS: readonly GuardLevel[] = ['Audit', 'Block'];

/**
 * What labels of paths decide, regardless of which rule decides: equal numbers for equal decisions, whichever program
 * acts.
 */
export class PathLabels implements GuardLabels {
  readonly numbers: Readonly<Record<GuardLevel, Int32Array>>;
  readonly rules: Readonly<Record<GuardLevel, Int32Array>>;
  readonly byDefault: Readonly<Record<GuardLevel, number>>;
  readonly #isGuarded: readonly boolean[];
  readonly #stripped: Readonly<Record<GuardLevel, number[]>> = { Audit: [], Block: [] };
  /**
   * By the class of a program: the first rule with such programs as sources that refuses or reports for that reason.
   */
  readonly #rulesOfSources: Readonly<Record<GuardLevel, ReadonlyMap<number, number>>>;

  private constructor(
    readonly verdicts: Verdicts,
    labels: number,
  ) {
    this.#isGuarded = guardedRules(verdicts.decidingRules);
    this.#rulesOfSources = this.#findSources();
    const defaultRow = verdicts.defaultRows[0]!;
    this.numbers = { Audit: new Int32Array(labels), Block: new Int32Array(labels) };
    this.rules = { Audit: new Int32Array(labels).fill(NO_RULE), Block: new Int32Array(labels).fill(NO_RULE) };
    this.byDefault = { Audit: this.#firstIn(defaultRow, 'Audit'), Block: this.#firstIn(defaultRow, 'Block') };
  }

  static *inSteps(verdicts: Verdicts, labels: number): Steps<PathLabels> {
    const made = new PathLabels(verdicts, labels);
    for (const level of GUARD_LEVELS) {
      const rows = new IntListTable();
      const known = new IntListTable();
      known.intern(made.#describe(new Map(), level, rows), 0, 1);
      for (let label = 1; label < labels; label++) {
        const entries = new Map(pairs(verdicts.labelEntries(label)));
        const description = made.#describe(entries, level, rows);
        made.numbers[level][label] = known.intern(description, 0, description.length);
        made.rules[level][label] = made.#firstRule(entries, level);
        if (isStep(label)) yield;
      }
    }
    return made;
  }

  /**
   * A label as a list of numbers: the rows of each actor that is distinguished, the class of the path as a program, and the
   * rows once more for the children of each program whose children are distinguished.
   */
  #describe(entries: ReadonlyMap<number, number>, level: GuardLevel, rows: IntListTable): Int32Array {
    const own = this.#describeRows(entries, level, rows);
    const description = [...own];
    const source = classIn(entries);
    if (this.#ruleOfSource(source, level) !== NO_RULE) description.push(-source);
    for (const [symbol, label] of [...entries].filter(([each]) => isOfParent(each)).sort(([a], [b]) => a - b)) {
      const ofChildren = this.#describeRows(new Map(pairs(this.verdicts.labelEntries(label))), level, rows);
      if (ofChildren.join() !== own.join()) description.push(-PROGRAM_CLASS_MASK - symbol, ...ofChildren);
    }
    // What is decided as where no rule matches is one number.
    return Int32Array.from(description.length === 2 && own[0] === 0 && own[1] === 0 ? [0] : description);
  }

  #describeRows(entries: ReadonlyMap<number, number>, level: GuardLevel, rows: IntListTable): number[] {
    const rowOf = (...symbols: readonly number[]) => {
      const symbol = symbols.find((each) => entries.has(each));
      return this.#strip(symbol === undefined ? this.verdicts.defaultRows[0]! : entries.get(symbol)!, level, rows);
    };
    const terminal = ACTOR_HAS_TERMINAL;
    const others = [rowOf(SYMBOL_VERDICT), rowOf(SYMBOL_VERDICT + terminal, SYMBOL_VERDICT)] as const;
    const description = [...others];
    const classes = new Set(
      [...entries.keys()]
        .filter((symbol) => symbol >= SYMBOL_VERDICT + SYMBOLS_PER_CLASS && !isOfParent(symbol))
        .map((symbol) => Math.floor((symbol - SYMBOL_VERDICT) / SYMBOLS_PER_CLASS)),
    );
    for (const programClass of [...classes].sort((a, b) => a - b)) {
      const symbol = SYMBOL_VERDICT + SYMBOLS_PER_CLASS * programClass;
      const row = rowOf(symbol, SYMBOL_VERDICT);
      const onTerminal = rowOf(symbol + terminal, symbol, SYMBOL_VERDICT + terminal, SYMBOL_VERDICT);
      if (row !== others[0] || onTerminal !== others[1]) description.push(programClass, row, onTerminal);
    }
    return description;
  }

  /** The number of a row's decisions; the first that gets one, the default, is 0. */
  #strip(row: number, level: GuardLevel, rows: IntListTable): number {
    const known = this.#stripped[level];
    known[row] ??= this.#numberOf(row, level, rows);
    return known[row];
  }

  #numberOf(row: number, level: GuardLevel, rows: IntListTable): number {
    const stripped = this.#wordsOf(row).map((word) => {
      const action = word >>> VERDICT_ACTION_SHIFT;
      if (!this.#isGuarded[word & VERDICT_RULE_MASK]) return 0;
      return level === 'Audit' || action === BLOCK ? action | (word & VERDICT_BY_ARGUMENTS) : 0;
    });
    return rows.intern(stripped, 0, ROW_WORDS);
  }

  #firstRule(entries: ReadonlyMap<number, number>, level: GuardLevel): number {
    let first = this.#ruleOfSource(classIn(entries), level);
    for (const [symbol, value] of entries) {
      if (symbol < SYMBOL_VERDICT) continue;
      const firstOf = isOfParent(symbol)
        ? this.#firstRule(new Map(pairs(this.verdicts.labelEntries(value))), level)
        : this.#firstIn(value, level);
      first = earlier(first, firstOf);
    }
    return first;
  }

  #firstIn(row: number, level: GuardLevel): number {
    const action = level === 'Block' ? BLOCK : AUDIT;
    let first = NO_RULE;
    for (const word of this.#wordsOf(row)) {
      const rule = word & VERDICT_RULE_MASK;
      if (word >>> VERDICT_ACTION_SHIFT === action && this.#isGuarded[rule]) first = earlier(first, rule);
    }
    return first;
  }

  #wordsOf(row: number): Int32Array {
    return this.verdicts.rowWords().subarray(row * ROW_WORDS, (row + 1) * ROW_WORDS);
  }

  #ruleOfSource(programClass: number, level: GuardLevel): number {
    return this.#rulesOfSources[level].get(programClass) ?? NO_RULE;
  }

  /** What an Allow rule allows its source is refused to others. */
  #findSources(): Record<GuardLevel, Map<number, number>> {
    const found = { Audit: new Map<number, number>(), Block: new Map<number, number>() };
    this.verdicts.ruleSet.rules.forEach((bound, index) => {
      if (bound.rule.sources.length === 0 || !this.#isGuarded[index]) return;
      for (const programClass of this.verdicts.programs.namedByAny(Int32Array.of(index))) {
        for (const level of levelsOf(bound)) if (!found[level].has(programClass)) found[level].set(programClass, index);
      }
    });
    return found;
  }
}

/**
 * What labels of guard keys stand for: the rules that match, without those that change nothing at a level. Two rules
 * that decide the same about a mount are distinguished, since the rest of what they say about it is not part of the
 * key.
 */
export function guardingLabels(verdicts: Verdicts, labels: number): GuardLabels {
  const isGuarded = guardedRules(verdicts.decidingRules);
  const none = () => new Int32Array(labels).fill(NO_RULE);
  const made = {
    numbers: { Audit: new Int32Array(labels), Block: new Int32Array(labels) },
    rules: { Audit: none(), Block: none() },
    byDefault: { Audit: NO_RULE, Block: NO_RULE },
  };
  for (const level of GUARD_LEVELS) {
    const known = new IntListTable();
    known.intern(new Int32Array(0), 0, 0);
    for (let label = 1; label < labels; label++) {
      const rules = verdicts
        .guardingRules(label)
        .filter((rule) => isGuarded[rule] && changes(rule, verdicts.ruleSet.rules, level));
      made.numbers[level][label] = known.intern(rules, 0, rules.length);
      made.rules[level][label] = rules[0] ?? NO_RULE;
    }
  }
  return made;
}

/** Whether a rule changes something at a level. One that only reports lets through what a later one of its class would refuse. */
function changes(index: number, rules: readonly BoundRule[], level: GuardLevel): boolean {
  const { policy, rule } = rules[index]!;
  if (levelsOf(rules[index]!).includes(level)) return true;
  const isRefusedOtherwise = (other: BoundRule) => other.rule.class === rule.class && other.rule.action === 'Block';
  return policy.mode !== 'audit' && rules.findLastIndex(isRefusedOtherwise) > index;
}

/** At which levels a rule changes something; what an Allow rule allows may otherwise be refused. */
function levelsOf({ policy, rule }: BoundRule): readonly GuardLevel[] {
  return rule.action === 'Audit' || policy.mode === 'audit' ? ['Audit'] : GUARD_LEVELS;
}

/**
 * By the number of a rule in a verdict, whether what it decides is guarded; a posture is guarded if a rule that
 * activates it is.
 */
function guardedRules(rules: readonly DecidingRule[]): boolean[] {
  const allowing = new Set(
    rules.flatMap((each) =>
      'policy' in each && each.policy.guards !== false && each.rule.action === 'Allow' ? [each.rule.class] : [],
    ),
  );
  return rules.map((each) => ('policy' in each ? each.policy.guards !== false : allowing.has(each.class)));
}

/** The class that a path has as a program. */
function classIn(entries: ReadonlyMap<number, number>): number {
  return (entries.get(SYMBOL_PROGRAM_CLASS) ?? PROGRAM_CLASS_UNNAMED) & PROGRAM_CLASS_MASK;
}

function* pairs(entries: Int32Array): Iterable<[number, number]> {
  for (let index = 0; index < entries.length; index += 2) yield [entries[index]!, entries[index + 1]!];
}

function earlier(first: number, second: number): number {
  if (first === NO_RULE || second === NO_RULE) return Math.max(first, second);
  return Math.min(first, second);
}
