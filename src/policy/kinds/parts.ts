import type { SchemaObject } from 'ajv';
import type { FieldPath } from '../finding.js';
import type { LinkedDirectories } from '../links.js';
import type { Match, PathMatch, Rule, RuleClass } from '../model.js';
import type { Optional, PolicySpecification } from '../policy-document.js';
import type { Schema } from '../schema-parts.js';

/** How the language handles one class of rules: one section of a manifest. */
export interface SectionPart {
  readonly schema: Schema;
  /** The rules of a valid specification, in the order of the section's lists. */
  read(spec: PolicySpecification): Rule[];
  /** Entries that name places in lists that are not for one kind of place, for warnings about wildcards. */
  places(spec: PolicySpecification): readonly NamedPlace[];
  /** Which accesses must reach a hook for a rule to hold. */
  operations(rule: Rule): readonly RuleOperations[];
}

/** How the language handles one kind of match: what a single entry names. */
export interface MatchPart<Of extends Match> {
  /** Reads back as an equal match. */
  write(match: Of): WrittenMatch;
  /** The form of a match from a manifest in the store, made with src/disk-schema.ts. */
  readonly onDisk: SchemaObject;
  /** The places that it names. */
  places(match: Of): readonly PathMatch[];
  /** The match or, where it is about a pattern that names directories one by one, a match for each of these. */
  alternatives(match: Of): readonly Of[];
  /** The same match under the target of a linked directory; undefined where it covers no such directory. */
  followLinks(match: Of, links: LinkedDirectories): Of | undefined;
  /** From the most specific to the least. Only kinds of one class ever meet. */
  rank(match: Of): number;
  /** Orders matches of one rank: higher is more specific. */
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
    readonly recursive?: Optional<boolean>;
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

/** For matches that are about no pattern, or whose patterns are followed as a whole. */
export const NO_ALTERNATIVES = { alternatives: <Of>(match: Of): readonly Of[] => [match] } as const;

/** For matches that name no path. */
export const NO_PLACE = { places: () => [], ...NO_ALTERNATIVES, followLinks: () => undefined } as const;

/** For matches that name no path and that no other match of their kind is more specific than. */
export const SINGLE_THING = {
  ...NO_PLACE,
  rank: () => 0,
  specificity: () => 0,
} as const;
