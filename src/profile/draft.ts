import type { Source } from '../policy/policy-document.js';
import type { Evidence } from './evidence.js';
import { patternsOf } from './names.js';

/** One rule to be suggested: an entry of a manifest's list, and what speaks for it. */
export interface Draft {
  readonly section: 'process' | 'file' | 'network' | 'capabilities';
  /** Name of the list in the section. */
  readonly list: string;
  readonly entry: Readonly<Record<string, unknown>>;
  readonly action: 'Allow' | 'Block';
  readonly evidence: Evidence;
}

/** More programs than these, and the rule is for any. */
const SOURCES_MAX = 3;

/**
 * The `fromSource` of a rule whose programs stand apart from the others: few, all with a name that stays, and not all
 * there are.
 */
export function sourcesOf({ programs }: Evidence, all: ReadonlySet<string>): { fromSource?: readonly Source[] } {
  if (programs.size > SOURCES_MAX || programs.size >= all.size) return {};
  const paths = [...programs].sort();
  const areNamed = paths.every((path) => path !== '' && !patternsOf(path).some(({ isPattern }) => isPattern));
  return areNamed ? { fromSource: paths.map((path) => ({ path })) } : {};
}
