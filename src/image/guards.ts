import { isStep, type Steps } from '../steps.js';
import { type Automaton, DEAD_STATE } from './automaton.js';
import { type GuardLabels, type GuardLevel, guardingLabels, NO_RULE, PathLabels } from './guard-labels.js';
import { IntBuffer, IntListTable } from './integers.js';
import { GUARD_COMMON, GUARD_NOTHING, RULE_NONE, VERDICT_ACTION_SHIFT, VERDICT_ACTIONS } from './layout.js';
import { GUARD_PREFIX } from './object-keys.js';
import { coarsestPartition } from './partition.js';
import { Subautomaton } from './subautomaton.js';
import type { Verdicts } from './verdicts.js';

/** Words of a guard record, see layout.ts. */
export const GUARD_WORDS = 4;
export const NO_RECORD = -1;

/**
 * What is decided below a directory, as records of classes: equal classes, equal decisions, whatever follows the
 * directory's name and whichever program acts. Which rule decides is ignored.
 */
export interface Guards {
  /** By state, its record; NO_RECORD where everything is decided as if no rule matched, or where no directory ends. */
  readonly recordOf: Int32Array;
  readonly records: Int32Array;
}

export function* findGuards(automaton: Automaton, verdicts: Verdicts): Steps<Guards> {
  const recordOf = new Int32Array(automaton.states).fill(NO_RECORD);
  const records = new IntListTable();
  const labels = 1 + automaton.labels.reduce((most, label) => Math.max(most, label), 0);
  yield;
  const paths = yield* Subautomaton.ofPaths(automaton, '');
  yield;
  yield* addRecords(paths, yield* PathLabels.inSteps(verdicts, labels), recordOf, records);
  const others = yield* Subautomaton.ofPaths(automaton, GUARD_PREFIX);
  if (others.directories.length > 0) yield* addRecords(others, guardingLabels(verdicts, labels), recordOf, records);
  return { recordOf, records: records.pool.values.subarray(0, records.pool.length) };
}

function* addRecords(
  paths: Subautomaton,
  labels: GuardLabels,
  recordOf: Int32Array,
  records: IntListTable,
): Steps<void> {
  const classes = yield* classify(paths, labels);
  yield;
  const audited = yield* firstBelow(paths, labels, 'Audit');
  yield;
  const first = { Audit: audited, Block: yield* firstBelow(paths, labels, 'Block') };
  yield;
  const record = new Int32Array(GUARD_WORDS);
  const isCommon = (state: number, level: GuardLevel) => classes[level][state] === classes[level][paths.nowhere];
  for (const [index, state] of paths.directories.entries()) {
    const local = paths.numberOf(state);
    if (classes.Audit[local] !== GUARD_NOTHING) {
      record.set([
        classes.Block[local]!,
        classes.Audit[local]!,
        verdictOf('Block', first.Block[local]!, isCommon(local, 'Block')),
        verdictOf('Audit', first.Audit[local]!, isCommon(local, 'Audit')),
      ]);
      recordOf[state] = records.intern(record, 0, GUARD_WORDS);
    }
    if (isStep(index)) yield;
  }
}

function* classify(paths: Subautomaton, labels: GuardLabels): Steps<Record<GuardLevel, Int32Array>> {
  const audit = yield* classesAt(paths, labels.numbers.Audit);
  // If nothing is only reported, both levels are the same.
  const pairs = new Set(paths.automaton.labels.map((label) => labels.numbers.Audit[label]!));
  const refusing = new Set(paths.automaton.labels.map((label) => labels.numbers.Block[label]!));
  return { Audit: audit, Block: pairs.size === refusing.size ? audit : yield* classesAt(paths, labels.numbers.Block) };
}

function* classesAt({ automaton }: Subautomaton, numbers: Int32Array): Steps<Int32Array> {
  const blocks = yield* coarsestPartition({ ...automaton, labels: automaton.labels.map((label) => numbers[label]!) });
  const nothing = blocks[DEAD_STATE]!;
  return blocks.map((block) => (block === nothing ? GUARD_NOTHING : block + 1));
}

/**
 * By state, the first rule of that level that decides something below it. Rules that decide something below every
 * directory come last, followed by the default posture.
 */
function* firstBelow(paths: Subautomaton, labels: GuardLabels, level: GuardLevel): Steps<Int32Array> {
  const own = paths.automaton.labels.map((label) => labels.rules[level][label]!);
  const found = new Int32Array(own.length).fill(NO_RULE);
  const waiting = new IntBuffer();
  const reach = (state: number, rule: number): void => {
    if (found[state] !== NO_RULE) return;
    found[state] = rule;
    waiting.push(state);
  };
  const common = new Set(paths.below(paths.nowhere).map((state) => own[state]!));
  const rank = (state: number) => own[state]! + (common.has(own[state]!) ? RULE_NONE : 0);
  const deciding: number[] = [];
  for (let state = 0; state < own.length; state++) if (own[state] !== NO_RULE) deciding.push(state);
  if (deciding.length === 0) return found.fill(labels.byDefault[level]);
  for (const [index, start] of deciding.sort((a, b) => rank(a) - rank(b)).entries()) {
    if (isStep(index)) yield;
    reach(start, own[start]!);
    while (waiting.length > 0) {
      const state = waiting.at(--waiting.length);
      const predecessors = paths.predecessors(state);
      for (let index = 0; index < predecessors.length; index++) reach(predecessors[index]!, own[start]!);
    }
  }
  return found.map((rule) => (rule === NO_RULE ? labels.byDefault[level] : rule));
}

function verdictOf(level: GuardLevel, rule: number, isCommon: boolean): number {
  if (rule === NO_RULE) return RULE_NONE;
  return (VERDICT_ACTIONS.indexOf(level) << VERDICT_ACTION_SHIFT) | (isCommon ? GUARD_COMMON : 0) | rule;
}
