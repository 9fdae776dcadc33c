import * as disk from '../../disk-schema.js';
import { MOUNT_OPERATIONS, type MountMatch } from '../model.js';
import { ruleMaker } from '../rule-maker.js';
import { checked, mapping, oneOf, optional, placeEntries, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart } from './parts.js';
import { named, OF_PLACE, placeOnDisk, readPlace, specificityOfPlace, writePlace } from './paths.js';

/** Mounts that are made or taken away. */
export const mountsSection: SectionPart = {
  schema: optional(
    mapping({
      ...traits,
      matchMounts: placeEntries({ type: optional(checked('filesystem')), operation: oneOf(MOUNT_OPERATIONS) }),
    }),
  ),
  read(spec) {
    const section = spec.mounts ?? {};
    return ruleMaker('mounts', section, spec)('matchMounts', section.matchMounts, (item) => ({
      kind: 'mount',
      ...readPlace(item),
      ...(item.type != null && { type: item.type }),
      ...(item.operation != null && { operation: item.operation }),
    }));
  },
  places: ({ mounts }) =>
    (mounts?.matchMounts ?? []).map((item, index) => ({
      field: ['spec', 'mounts', 'matchMounts', index],
      item,
      takesPatterns: true,
    })),
  operations(rule) {
    const { operation } = rule.match as MountMatch;
    return ofOwnClass(rule, operation === undefined ? 'all' : [operation]);
  },
};

export const mount: MatchPart<MountMatch> = {
  onDisk: disk.ofKind('mount', {}, { target: placeOnDisk, type: disk.text, operation: disk.oneOf(MOUNT_OPERATIONS) }),
  write: ({ target, type, operation }) => ({
    list: 'matchMounts',
    entry: { ...writePlace(target), ...(type && { type }), ...(operation && { operation }) },
  }),
  ...OF_PLACE,
  specificity: ({ target, type, operation }) => specificityOfPlace(target) * 4 + named(type, operation),
};
