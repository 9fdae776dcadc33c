import type { BoundRule } from '../policy/model.js';

/** The programs that rules name as their sources, put together where no rule tells them apart. */
export interface ProgramClasses {
  /** How many classes there are; the numbers go from 1 to this. */
  readonly count: number;
  /** Class of each named program, counted from 1. */
  readonly classOf: ReadonlyMap<string, number>;
  /** Whether the rule holds for a program of this class; class 0 is that of programs no rule names. */
  reaches(rule: number, programClass: number): boolean;
  /** Every class that one of these rules names, upwards. */
  namedByAny(rules: Int32Array): number[];
}

export function classifyPrograms(rules: readonly BoundRule[]): ProgramClasses {
  const rulesNaming = new Map<string, number[]>();
  rules.forEach(({ rule }, index) => {
    for (const source of new Set(rule.sources)) {
      const naming = rulesNaming.get(source);
      if (naming === undefined) rulesNaming.set(source, [index]);
      else naming.push(index);
    }
  });

  const classOfMembership = new Map<string, number>();
  const classOf = new Map<string, number>();
  const classesOf = rules.map(({ rule }) => (rule.sources.length === 0 ? undefined : new Set<number>()));
  for (const [program, naming] of rulesNaming) {
    const membership = naming.join();
    const programClass = classOfMembership.get(membership) ?? classOfMembership.size + 1;
    classOfMembership.set(membership, programClass);
    classOf.set(program, programClass);
    for (const rule of naming) classesOf[rule]!.add(programClass);
  }

  return {
    count: classOfMembership.size,
    classOf,
    reaches: (rule, programClass) => classesOf[rule]?.has(programClass) ?? true,
    namedByAny(matched) {
      const named = new Set<number>();
      for (const rule of matched) for (const programClass of classesOf[rule] ?? []) named.add(programClass);
      return [...named].sort((a, b) => a - b);
    },
  };
}
