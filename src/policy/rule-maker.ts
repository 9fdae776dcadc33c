import { type Action, FILE_OPERATIONS, type FileOperation, type Match, type Rule, type RuleClass } from './model.js';
import type { Optional, Source, Traits } from './policy-document.js';

export const DEFAULT_ACTION: Action = 'Block';
export const DEFAULT_SEVERITY = 1;

/** Makes rules of the lists of a section; what an entry leaves out it has from the section, and that from `spec`. */
export function ruleMaker(ruleClass: RuleClass, section: Traits, spec: Traits) {
  return <Entry extends Traits>(
    list: string,
    entries: Optional<readonly Entry[]>,
    toMatch: (entry: Entry) => Match,
  ): Rule[] =>
    (entries ?? []).map((entry, index) => {
      const { fromSource, readOnly, ownerOnly, operations, allowedArgs, pts } = entry as Flags;
      return {
        // Presets are a list without a section.
        id: `${ruleClass}${list && `.${list}`}[${index}]`,
        class: ruleClass,
        match: toMatch(entry),
        sources: (fromSource ?? []).map(toSource),
        // Sorted, since the order in the list has no meaning.
        ...(operations != null && { operations: FILE_OPERATIONS.filter((each) => operations.includes(each)) }),
        ...(allowedArgs != null && { arguments: [...new Set(allowedArgs)].sort() }),
        ...(pts != null && { terminal: !pts }),
        readOnly: readOnly ?? false,
        ownerOnly: ownerOnly ?? false,
        ...resolveTraits([entry, section, spec]),
      };
    });
}

/** What some kinds of entries contain beside their match. */
interface Flags {
  readonly fromSource?: Optional<readonly Source[]>;
  readonly readOnly?: Optional<boolean>;
  readonly ownerOnly?: Optional<boolean>;
  readonly operations?: Optional<readonly FileOperation[]>;
  readonly allowedArgs?: Optional<readonly string[]>;
  readonly pts?: Optional<boolean>;
}

/** See Rule.sources. */
function toSource({ path, dir, recursive }: Source): string {
  return path ?? `${dir!.replace(/\/?$/u, '/')}${recursive ? '**' : ''}`;
}

/** Takes each trait from the nearest level that says it. */
function resolveTraits(levels: readonly Traits[]): Pick<Rule, 'action' | 'severity' | 'tags' | 'message'> {
  const nearest = <T>(pick: (level: Traits) => Optional<T>) => levels.map(pick).find((value) => value != null);
  return {
    action: nearest((level) => level.action) ?? DEFAULT_ACTION,
    severity: nearest((level) => level.severity) ?? DEFAULT_SEVERITY,
    // Copied, so that a policy never shares a list with its document or with another rule.
    tags: [...(nearest((level) => (level.tags?.length ? level.tags : undefined)) ?? [])],
    message: nearest((level) => level.message || undefined) ?? '',
  };
}
