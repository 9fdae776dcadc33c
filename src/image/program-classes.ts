import type { BoundRule } from '../policy/model.js';
import type { Steps } from '../steps.js';
import { determinize } from './determinize.js';
import { type IntBuffer, IntListTable } from './integers.js';
import { PROGRAM_CLASS_MASK, PROGRAM_CLASS_UNNAMED } from './layout.js';
import { type Budget, LimitExceeded } from './limits.js';
import { NondeterministicAutomaton } from './nondeterministic.js';
import { addProgram } from './paths.js';

/** The programs that rules name as sources, in classes that no rule distinguishes further. */
export interface ProgramClasses {
  /** How many classes there are; the numbers go from 1 to this. */
  readonly count: number;
  /** Every program or directory of programs that a rule names, each once. */
  readonly sources: readonly string[];
  /** The class of a program that is matched by these sources, given in ascending order; 0 if there are none. */
  classOf(sources: Int32Array): number;
  /** The class that a program of this one is in while no Allow rule holds for it. */
  withoutAllow(programClass: number): number;
  /** Whether the rule holds for a program of this class; class 0 is that of programs no rule names. */
  reaches(rule: number, programClass: number): boolean;
  /** Every class that one of these rules names, in ascending order. */
  namedByAny(rules: Int32Array): number[];
}

/** Finds every combination of sources that one program can match, and so every class. */
export function* classifyPrograms(rules: readonly BoundRule[], budget: Budget): Steps<ProgramClasses> {
  const rulesNaming = new Map<string, number[]>();
  rules.forEach(({ rule }, index) => {
    for (const source of new Set(rule.sources)) {
      const naming = rulesNaming.get(source);
      if (naming === undefined) rulesNaming.set(source, [index]);
      else naming.push(index);
    }
  });

  const sources = [...rulesNaming.keys()];
  const classOfMembership = new Map<string, number>();
  const rulesOf: number[][] = [[]];
  const classOfSources = new Map<string, number>();
  const classesOf = rules.map(({ rule }) => (rule.sources.length === 0 ? undefined : new Set<number>()));
  const classNamedBy = (naming: number[]): number => {
    if (naming.length === 0) return PROGRAM_CLASS_UNNAMED;
    const membership = naming.join();
    const known = classOfMembership.get(membership);
    if (known !== undefined) return known;
    const programClass = rulesOf.push(naming) - 1;
    classOfMembership.set(membership, programClass);
    for (const rule of naming) classesOf[rule]!.add(programClass);
    return programClass;
  };
  for (const matched of yield* combinations(sources, budget)) {
    const naming = [...new Set([...matched].flatMap((source) => rulesNaming.get(sources[source]!)!))].sort(
      (a, b) => a - b,
    );
    classOfSources.set(matched.join(), classNamedBy(naming));
  }
  // The classes that are added here have no Allow rule themselves.
  const withoutAllow = [...rulesOf].map((naming) =>
    classNamedBy(naming.filter((rule) => rules[rule]!.rule.action !== 'Allow')),
  );
  if (classOfMembership.size > PROGRAM_CLASS_MASK) throw new LimitExceeded('states', PROGRAM_CLASS_MASK);

  return {
    count: classOfMembership.size,
    sources,
    withoutAllow: (programClass) => withoutAllow[programClass] ?? programClass,
    classOf: (matched) => classOfSources.get(matched.join()) ?? 0,
    reaches: (rule, programClass) => classesOf[rule]?.has(programClass) ?? true,
    namedByAny(matched) {
      const named = new Set<number>();
      for (const rule of matched) for (const programClass of classesOf[rule] ?? []) named.add(programClass);
      return [...named].sort((a, b) => a - b);
    },
  };
}

/** The non-empty sets of sources for which some program matches exactly these. */
function* combinations(sources: readonly string[], budget: Budget): Steps<Int32Array[]> {
  const automaton = new NondeterministicAutomaton(budget);
  sources.forEach((source, index) => {
    addProgram(automaton, source, index);
  });
  const sets = new IntListTable();
  sets.intern(new Int32Array(0), 0, 0);
  const labels = {
    labelOf: (marks: IntBuffer) => sets.intern(marks.values, 0, marks.length),
    labelEntries: () => new Int32Array(0),
  };
  yield* determinize(automaton, { prune: () => undefined }, labels, budget);
  return Array.from({ length: sets.size - 1 }, (_, index) =>
    sets.pool.values.slice(sets.startOf(index + 1), sets.startOf(index + 2)),
  );
}
