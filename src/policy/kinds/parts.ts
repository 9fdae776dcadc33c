import type { FieldPath } from '../finding.js';
import type { LinkedDirectories } from '../links.js';
import type { Match, Rule, RuleClass } from '../model.js';
import type { Optional, PolicySpecification } from '../policy-document.js';
import type { Schema } from '../schema-parts.js';

/** What the language knows of one class of rules: one section of a manifest. */
export interface SectionPart {
  readonly schema: Schema;
  /** The rules of a valid specification, in the order of the section's lists. */
  read(spec: PolicySpecification): Rule[];
  /** Entries that name places without being of a list for one kind of place, for warnings about wildcards. */
  places(spec: PolicySpecification): readonly NamedPlace[];
  /** What must be asked about for a rule to hold. */
  operations(rule: Rule): readonly RuleOperations[];
}

/** What the language knows of one kind of match: what a single entry names. */
export interface MatchPart<Of extends Match> {
  /** Reads back as an equal match. */
  write(match: Of): WrittenMatch;
  /** The same by the name that a linked directory leads to; undefined where it covers no such directory. */
  followLinks(match: Of, links: LinkedDirectories): Of | undefined;
  /** The files of a container it names, as far as links may be on the way there. */
  paths(match: Of): readonly string[];
  /** From the most specific to the least. Only kinds of one class ever meet. */
  rank(match: Of): number;
  /** Which of two of one rank says more. */
  specificity(match: Of): number;
}

export interface WrittenMatch {
  /** The list of its section where the entry stands; empty where the section is the list. */
  readonly list: string;
  readonly entry: Readonly<Record<string, unknown>>;
}

export interface NamedPlace {
  readonly field: FieldPath;
  readonly item: {
    readonly path?: Optional<string>;
    readonly dir?: Optional<string>;
    readonly pattern?: Optional<string>;
  };
  readonly takesPatterns: boolean;
}

/** What a rule is about, by class and operation, as HOOK_USES of src/kernel/hook-uses.ts has them. */
export interface RuleOperations {
  readonly class: RuleClass;
  /** `all`: whatever the class decides about. */
  readonly operations: ReadonlySet<string> | 'all';
}

/** The only operations of a rule that is about those of its own class. */
export function ofOwnClass({ class: ruleClass }: Rule, operations: readonly string[] | 'all'): RuleOperations[] {
  return [{ class: ruleClass, operations: operations === 'all' ? 'all' : new Set(operations) }];
}

/** Of what names neither a path nor anything that others of its kind would be more specific than. */
export const SINGLE_THING = {
  followLinks: () => undefined,
  paths: () => [],
  rank: () => 0,
  specificity: () => 0,
} as const;
