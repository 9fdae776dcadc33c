import type { Rule } from '../model.js';
import type { PolicySpecification, Section } from '../policy-document.js';
import { ruleMaker } from '../rule-maker.js';
import {
  checked,
  choiceOf,
  flag,
  fromSource,
  list,
  mapping,
  optional,
  type Properties,
  type Schema,
  traits,
} from '../schema-parts.js';
import { readDirectory } from './paths.js';

/** The sections about programs and about files, which have the same lists. */

/**
 * @param every what each entry may say beside its path
 * @param onPaths what those of `matchPaths` may say more
 * @param names the fields of which those must have one
 */
export function pathSection(every: Properties, onPaths: Properties, names: readonly string[]): Schema {
  const common: Properties = { ...traits, ownerOnly: flag };
  const pathEntries = (properties: Properties, key: string) => optional(list(mapping(properties, [key])));
  return optional(
    mapping({
      ...traits,
      matchPaths: optional(
        list({
          ...mapping({ ...common, pts: flag, ...every, ...onPaths, path: optional(checked('path')), fromSource }),
          ...choiceOf(names, true),
        }),
      ),
      matchDirectories: pathEntries(
        { ...common, pts: flag, ...every, dir: checked('directory'), recursive: flag, fromSource },
        'dir',
      ),
      matchPatterns: pathEntries({ ...common, ...every, pattern: checked('pattern') }, 'pattern'),
    }),
  );
}

export function readPathSection(ruleClass: 'process' | 'file', section: Section, spec: PolicySpecification): Rule[] {
  const make = ruleMaker(ruleClass, section, spec);
  return [
    ...make('matchPaths', section.matchPaths, ({ path, execname }) =>
      path != null ? { kind: 'exact', path } : { kind: 'name', name: execname! },
    ),
    ...make('matchDirectories', section.matchDirectories, readDirectory),
    ...make('matchPatterns', section.matchPatterns, ({ pattern }) => ({ kind: 'pattern', pattern })),
  ];
}
