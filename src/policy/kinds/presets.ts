import { type Match, PRESETS } from '../model.js';
import { ruleMaker } from '../rule-maker.js';
import { list, mapping, optional, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart, SINGLE_THING } from './parts.js';

type PresetMatch = Extract<Match, { kind: 'preset' }>;

/** Behaviour that has a name. The section is a list itself. */
export const presetsSection: SectionPart = {
  schema: optional(list(mapping({ ...traits, name: { type: 'string', enum: PRESETS } }, ['name']))),
  read: (spec) => ruleMaker('presets', {}, spec)('', spec.presets, ({ name }) => ({ kind: 'preset', preset: name })),
  places: () => [],
  operations: (rule) => ofOwnClass(rule, [(rule.match as PresetMatch).preset]),
};

export const preset: MatchPart<PresetMatch> = {
  write: (match) => ({ list: '', entry: { name: match.preset } }),
  ...SINGLE_THING,
};
