import { alternativesIn } from './braces.js';
import type { Match, PathMatch, Rule } from './model.js';

/** What rules name of a container's files, as far as links may be on the way there. */
export interface NamedInRules {
  readonly paths: Set<string>;
  readonly programs: Set<string>;
}

/** Adds what a rule names. */
export function addNamed({ paths, programs }: NamedInRules, rule: Rule): void {
  for (const path of pathsOf(rule.match)) {
    paths.add(path);
    if (rule.class === 'process') programs.add(path);
  }
  for (const source of rule.sources) {
    const path = source.replace(/\/(?:\*\*)?$/u, '');
    if (path === '') continue;
    paths.add(path);
    if (path === source) programs.add(path);
  }
}

function pathsOf(match: Match): string[] {
  switch (match.kind) {
    case 'exact':
    case 'directory':
    case 'pattern':
      return namedBy(match);
    case 'mount':
    case 'trace':
    case 'call':
      return match.target === undefined ? [] : namedBy(match.target);
    case 'preset':
      return (match.except ?? []).flatMap(namedBy);
    case 'name':
    case 'protocol':
    case 'family':
    case 'endpoint':
    case 'domain':
    case 'capability':
    case 'filesystem':
    case 'namespace':
      return [];
  }
}

/** Of a directory, its own name; of a pattern, the directories before its first wildcard. */
function namedBy(match: PathMatch): string[] {
  if (match.kind === 'exact') return match.path === '/' ? [] : [match.path];
  if (match.kind === 'directory') return match.directory === '/' ? [] : [match.directory.slice(0, -1)];
  return alternativesIn(match.pattern).flatMap((pattern) => {
    const literal = /^[^\\*?[{]*/u.exec(pattern)![0];
    const named = literal.length === pattern.length ? literal : literal.slice(0, literal.lastIndexOf('/'));
    return named === '' ? [] : [named];
  });
}
