import type { Source } from '../policy/policy-document.js';
import type { Evidence } from './evidence.js';
import { patternsOf } from './names.js';

/** A suggested rule: an entry of a manifest's list, and the evidence for it. */
export interface Draft {
  readonly section: 'process' | 'file' | 'network' | 'capabilities';
  /** Name of the list in the section. */
  readonly list: string;
  readonly entry: Readonly<Record<string, unknown>>;
  readonly action: 'Allow' | 'Block';
  readonly evidence: Evidence;
}

/** With more programs than this the rule is for any program. */
const SOURCES_MAX = 3;

/**
 * The `fromSource` of a rule whose programs differ from the others: few, all with stable names, and not all programs.
 */
export function sourcesOf({ programs }: Evidence, all: ReadonlySet<string>): { fromSource?: readonly Source[] } {
  if (programs.size > SOURCES_MAX || programs.size >= all.size) return {};
  const paths = [...programs].sort();
  const areNamed = paths.every((path) => path !== '' && !patternsOf(path).some(({ isPattern }) => isPattern));
  return areNamed ? { fromSource: paths.map((path) => ({ path })) } : {};
}
