import { partOf } from './kinds/matches.js';
import type { Rule } from './model.js';

/** What rules name of a container's files, as far as links may be on the way there. */
export interface NamedInRules {
  readonly paths: ReadonlySet<string>;
  readonly programs: ReadonlySet<string>;
}

export function namedIn(rules: Iterable<Rule>): NamedInRules {
  const paths = new Set<string>();
  const programs = new Set<string>();
  for (const { class: ruleClass, match, sources } of rules) {
    for (const path of partOf(match).paths(match)) {
      paths.add(path);
      if (ruleClass === 'process') programs.add(path);
    }
    for (const source of sources) {
      const path = source.replace(/\/(?:\*\*)?$/u, '');
      if (path === '') continue;
      paths.add(path);
      if (path === source) programs.add(path);
    }
  }
  return { paths, programs };
}
