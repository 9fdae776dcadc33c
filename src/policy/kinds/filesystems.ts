import * as disk from '../../disk-schema.js';
import type { Match } from '../model.js';
import { ruleMaker } from '../rule-maker.js';
import { checked, entries, mapping, optional, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart, SINGLE_THING } from './parts.js';

/** Files by the type of their filesystem. */
export const filesystemsSection: SectionPart = {
  schema: optional(mapping({ ...traits, matchTypes: entries({ type: checked('filesystem') }, 'type') })),
  read(spec) {
    const section = spec.filesystems ?? {};
    return ruleMaker('filesystems', section, spec)('matchTypes', section.matchTypes, ({ type }) => ({
      kind: 'filesystem',
      type,
    }));
  },
  places: () => [],
  operations: (rule) => ofOwnClass(rule, 'all'),
};

export const filesystem: MatchPart<Extract<Match, { kind: 'filesystem' }>> = {
  onDisk: disk.ofKind('filesystem', { type: disk.text }),
  write: ({ type }) => ({ list: 'matchTypes', entry: { type } }),
  ...SINGLE_THING,
};
