import * as disk from '../../disk-schema.js';
import { TRACE_OPERATIONS, type TraceMatch } from '../model.js';
import { ruleMaker } from '../rule-maker.js';
import { mapping, oneOf, optional, placeEntries, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart } from './parts.js';
import { named, OF_PLACE, placeOnDisk, readPlace, specificityOfPlace, writePlace } from './paths.js';

/** Processes that are traced, or read by others. */
export const ptraceSection: SectionPart = {
  schema: optional(mapping({ ...traits, matchProcesses: placeEntries({ operation: oneOf(TRACE_OPERATIONS) }) })),
  read(spec) {
    const section = spec.ptrace ?? {};
    return ruleMaker('ptrace', section, spec)('matchProcesses', section.matchProcesses, (item) => ({
      kind: 'trace',
      ...readPlace(item),
      ...(item.operation != null && { operation: item.operation }),
    }));
  },
  places: ({ ptrace }) =>
    (ptrace?.matchProcesses ?? []).map((item, index) => ({
      field: ['spec', 'ptrace', 'matchProcesses', index],
      item,
      takesPatterns: true,
    })),
  operations(rule) {
    const { operation } = rule.match as TraceMatch;
    return ofOwnClass(rule, operation === undefined ? 'all' : [operation]);
  },
};

export const trace: MatchPart<TraceMatch> = {
  onDisk: disk.ofKind('trace', {}, { target: placeOnDisk, operation: disk.oneOf(TRACE_OPERATIONS) }),
  write: ({ target, operation }) => ({
    list: 'matchProcesses',
    entry: { ...writePlace(target), ...(operation && { operation }) },
  }),
  ...OF_PLACE,
  specificity: ({ target, operation }) => specificityOfPlace(target) * 4 + named(undefined, operation),
};
