import * as disk from '../../disk-schema.js';
import type { LinkedDirectories } from '../links.js';
import { PRESETS, type PresetMatch } from '../model.js';
import type { PresetItem } from '../policy-document.js';
import { ruleMaker } from '../rule-maker.js';
import { list, mapping, optional, placeList, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart, SINGLE_THING } from './parts.js';
import { linkedPlaces, placeOnDisk, readPlace, writePlace } from './paths.js';

/** Behaviour that has a name. The section is a list itself. */
export const presetsSection: SectionPart = {
  schema: optional(list(mapping({ ...traits, name: { type: 'string', enum: PRESETS }, except: placeList }, ['name']))),
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
  onDisk: disk.ofKind(
    'preset',
    { preset: disk.oneOf(PRESETS) },
    { except: { type: 'array', items: placeOnDisk, minItems: 1 } },
  ),
  write: ({ preset: name, except }) => ({
    list: '',
    entry: { name, ...(except && { except: except.map(writePlace) }) },
  }),
  ...SINGLE_THING,
  places: ({ except = [] }) => except,
};

/** The match with its exceptions also under the targets of linked directories. */
export function withLinkedExceptions(match: PresetMatch, links: LinkedDirectories): PresetMatch {
  const { except = [] } = match;
  const linked = linkedPlaces(except, links);
  return linked.length === 0 ? match : { ...match, except: [...except, ...linked] };
}
