import { type Draft, sourcesOf } from './draft.js';
import { Gathered } from './evidence.js';
import { patternsOf, patternText } from './names.js';
import { isPathAccess, type ObservedAccess } from './observed-access.js';

/** Rules that allow the programs that were run, each for those that ran it. */
export function processRules(accesses: readonly ObservedAccess[]): Draft[] {
  const all = new Set(accesses.map(({ program }) => program));
  const found = new Gathered<{ readonly path: string } | { readonly pattern: string }>();
  for (const access of accesses.filter(isPathAccess)) found.add(matchOf(access.object.path), access);
  return found.entries.map(([match, evidence]) => ({
    section: 'process',
    list: 'path' in match ? 'matchPaths' : 'matchPatterns',
    entry: { ...match, ...('path' in match && sourcesOf(evidence, all)) },
    action: 'Allow',
    evidence,
  }));
}

function matchOf(path: string): { path: string } | { pattern: string } {
  const names = patternsOf(path);
  return names.some(({ isPattern }) => isPattern) ? { pattern: patternText(names) } : { path };
}
