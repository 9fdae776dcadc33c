import * as disk from '../../disk-schema.js';
import { CAPABILITIES, type Capability } from '../capability.js';
import type { Match } from '../model.js';
import { ruleMaker } from '../rule-maker.js';
import { checked, entries, mapping, optional, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart, SINGLE_THING } from './parts.js';

/** Privileges that are used. */
export const capabilitiesSection: SectionPart = {
  schema: optional(
    mapping({ ...traits, matchCapabilities: entries({ capability: checked('capability') }, 'capability') }),
  ),
  read(spec) {
    const section = spec.capabilities ?? {};
    return ruleMaker('capabilities', section, spec)('matchCapabilities', section.matchCapabilities, (item) => ({
      kind: 'capability',
      capability: item.capability.toLowerCase().replace(/^cap_/u, '') as Capability,
    }));
  },
  places: () => [],
  operations: (rule) => ofOwnClass(rule, 'all'),
};

export const capability: MatchPart<Extract<Match, { kind: 'capability' }>> = {
  onDisk: disk.ofKind('capability', { capability: disk.oneOf(CAPABILITIES) }),
  write: (match) => ({ list: 'matchCapabilities', entry: { capability: match.capability } }),
  ...SINGLE_THING,
};
