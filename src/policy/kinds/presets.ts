import type { LinkedDirectories } from '../links.js';
import { PRESETS, type PresetMatch } from '../model.js';
import type { PresetItem } from '../policy-document.js';
import { ruleMaker } from '../rule-maker.js';
import { choiceOf, list, mapping, optional, places, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart, SINGLE_THING } from './parts.js';
import { followPlace, readPlace, writePlace } from './paths.js';

const exceptions = optional(list({ ...mapping(places), ...choiceOf(['path', 'dir', 'pattern'], true) }));

/** Behaviour that has a name. The section is a list itself. */
export const presetsSection: SectionPart = {
  schema: optional(list(mapping({ ...traits, name: { type: 'string', enum: PRESETS }, except: exceptions }, ['name']))),
  read: (spec) => ruleMaker('presets', {}, spec)('', spec.presets, readPreset),
  places: ({ presets }) =>
    (presets ?? []).flatMap(({ except }, index) =>
      (except ?? []).map((item, place) => ({
        field: ['spec', 'presets', index, 'except', place],
        item,
        takesPatterns: true,
      })),
    ),
  operations: (rule) => ofOwnClass(rule, [(rule.match as PresetMatch).preset]),
};

function readPreset({ name, except }: PresetItem): PresetMatch {
  return {
    kind: 'preset',
    preset: name,
    ...(except?.length && { except: except.map((place) => readPlace(place).target!) }),
  };
}

export const preset: MatchPart<PresetMatch> = {
  write: ({ preset: name, except }) => ({
    list: '',
    entry: { name, ...(except && { except: except.map(writePlace) }) },
  }),
  ...SINGLE_THING,
};

/** The match with what it excepts also by the names that linked directories lead to. */
export function withLinkedExceptions(match: PresetMatch, links: LinkedDirectories): PresetMatch {
  const { except = [] } = match;
  const linked = except.flatMap((target) => followPlace({ target }, links)?.target ?? []);
  return linked.length === 0 ? match : { ...match, except: [...except, ...linked] };
}
