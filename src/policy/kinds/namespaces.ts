import * as disk from '../../disk-schema.js';
import type { Match } from '../model.js';
import { ruleMaker } from '../rule-maker.js';
import { entries, mapping, optional, traits } from '../schema-parts.js';
import { type MatchPart, ofOwnClass, type SectionPart, SINGLE_THING } from './parts.js';

/** Namespaces of the kernel that are made. */
export const namespacesSection: SectionPart = {
  schema: optional(
    mapping({ ...traits, matchNamespaces: entries({ namespace: { type: 'string', enum: ['user'] } }, 'namespace') }),
  ),
  read(spec) {
    const section = spec.namespaces ?? {};
    return ruleMaker('namespaces', section, spec)('matchNamespaces', section.matchNamespaces, (item) => ({
      kind: 'namespace',
      namespace: item.namespace,
    }));
  },
  places: () => [],
  operations: (rule) => ofOwnClass(rule, 'all'),
};

export const namespace: MatchPart<Extract<Match, { kind: 'namespace' }>> = {
  onDisk: disk.ofKind('namespace', { namespace: disk.oneOf(['user']) }),
  write: (match) => ({ list: 'matchNamespaces', entry: { namespace: match.namespace } }),
  ...SINGLE_THING,
};
