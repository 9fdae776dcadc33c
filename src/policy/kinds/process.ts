import * as disk from '../../disk-schema.js';
import type { NameMatch } from '../model.js';
import { checked, list, optional } from '../schema-parts.js';
import { type MatchPart, NO_PLACE, ofOwnClass, type SectionPart } from './parts.js';
import { pathSection, readPathSection } from './path-section.js';

/** Programs that are run. */
export const processSection: SectionPart = {
  schema: pathSection(
    {},
    { execname: optional(checked('programName')), allowedArgs: optional(list(checked('argument'))) },
    ['path', 'execname'],
  ),
  read: (spec) => readPathSection('process', spec.process ?? {}, spec),
  places: () => [],
  operations: (rule) =>
    ofOwnClass(rule, [
      'run',
      ...(rule.action === 'Block' ? ['use otherwise'] : []),
      ...(rule.arguments === undefined ? [] : ['run with arguments']),
    ]),
};

/** It is as specific as a pattern that starts with a wildcard. */
export const name: MatchPart<NameMatch> = {
  onDisk: disk.ofKind('name', { name: disk.text }),
  write: ({ name: execname, of }) => ({ list: 'matchPaths', entry: { ...(of && { path: of }), execname } }),
  ...NO_PLACE,
  rank: () => 1,
  specificity: () => 0,
};
