import { alternativesIn } from './braces.js';
import { partOf } from './kinds/kinds.js';
import type { Match, PathMatch, Rule } from './model.js';

/** The files of a container that rules name, as far as links may be on the way there. */
export interface NamedInRules {
  readonly paths: ReadonlySet<string>;
  readonly programs: ReadonlySet<string>;
}

export function namedIn(rules: Iterable<Pick<Rule, 'class' | 'match' | 'sources'>>): NamedInRules {
  const [paths, programs] = [new Set<string>(), new Set<string>()];
  for (const { class: ruleClass, match, sources } of rules) {
    for (const path of pathsNamedBy(match)) {
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

/** The paths that a match names, in its order. */
export function pathsNamedBy(match: Match): string[] {
  return partOf(match).places(match).flatMap(namedBy);
}

/** For a directory, its own path; for a pattern, the directories before its first wildcard. */
function namedBy(match: PathMatch): string[] {
  if (match.kind === 'exact') return match.path === '/' ? [] : [match.path];
  if (match.kind === 'directory') return match.directory === '/' ? [] : [match.directory.slice(0, -1)];
  return alternativesIn(match.pattern).flatMap((pattern) => {
    const literal = /^[^\\*?[{]*/u.exec(pattern)![0];
    const named = literal.length === pattern.length ? literal : literal.slice(0, literal.lastIndexOf('/'));
    return named === '' ? [] : [named];
  });
}
