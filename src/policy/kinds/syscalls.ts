import * as disk from '../../disk-schema.js';
import type { CallMatch, CallTarget, RuleClass } from '../model.js';
import type { CallOnPathItem } from '../policy-document.js';
import { ruleMaker } from '../rule-maker.js';
import {
  checked,
  flag,
  fromSourceOf,
  list,
  mapping,
  optional,
  type Properties,
  type Schema,
  traits,
} from '../schema-parts.js';
import { type CallPoint, pathPoint } from '../system-calls.js';
import type { ValueCheckName } from '../value-checks.js';
import type { MatchPart, RuleOperations, SectionPart } from './parts.js';
import { directory, exact, OF_PLACE, readDirectory, specificityOfPlace } from './paths.js';

const callTraits: Properties = { ...traits, action: optional(checked('auditOnly')) };
const calls = (check: ValueCheckName): Schema => ({ ...list(checked(check)), minItems: 1 });
/** Of these sections only, a directory may be written without the slash at its end. */
const callSources = fromSourceOf('location');

/** System calls, which are only audited. */
export const syscallsSection: SectionPart = {
  schema: optional(
    mapping({
      ...callTraits,
      matchSyscalls: optional(
        list(mapping({ ...callTraits, syscall: calls('systemCall'), fromSource: callSources }, ['syscall'])),
      ),
      matchPaths: optional(
        list(
          mapping(
            {
              ...callTraits,
              path: checked('location'),
              recursive: flag,
              syscall: calls('systemCallOnPath'),
              fromSource: callSources,
            },
            ['path', 'syscall'],
          ),
        ),
      ),
    }),
  ),
  read(spec) {
    const section = spec.syscalls ?? {};
    // The action is never inherited, since only Audit is possible.
    const make = ruleMaker('syscalls', section, { ...spec, action: 'Audit' });
    return [
      ...make('matchSyscalls', section.matchSyscalls, ({ syscall }) => ({ kind: 'call', calls: readCalls(syscall) })),
      ...make('matchPaths', section.matchPaths, (item) => ({
        kind: 'call',
        calls: readCalls(item.syscall),
        target: readTarget(item),
      })),
    ];
  },
  places: ({ syscalls }) =>
    (syscalls?.matchPaths ?? []).map((item, index) => ({
      field: ['spec', 'syscalls', 'matchPaths', index],
      item,
      takesPatterns: false,
    })),
  operations: ({ match }) => operationsOf(match as CallMatch),
};

function readCalls(names: readonly string[]): string[] {
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

function readTarget({ path, recursive }: CallOnPathItem): CallTarget {
  return path.endsWith('/') ? readDirectory({ dir: path, recursive }) : { kind: 'exact', path };
}

/** The operations at which the path of a call becomes known. */
const OF_POINT: Readonly<Record<Exclude<CallPoint, 'entry'>, readonly [RuleClass, ...string[]]>> = {
  open: ['file', 'read', 'write'],
  execute: ['process', 'run'],
  truncate: ['file', 'write'],
  delete: ['file', 'delete'],
  create: ['file', 'create'],
  link: ['file', 'link'],
  rename: ['file', 'rename'],
  attributes: ['file', 'attributes'],
  mount: ['mounts', 'mount', 'unmount'],
};

function operationsOf({ calls: names, target }: CallMatch): RuleOperations[] {
  if (target === undefined) return [{ class: 'syscalls', operations: 'all' }];
  return [...new Set(names.map(pathPoint))].flatMap((point) => {
    if (point === 'entry') return [];
    const [ruleClass, ...operations] = OF_POINT[point];
    return [{ class: ruleClass, operations: new Set(operations) }];
  });
}

export const call: MatchPart<CallMatch> = {
  onDisk: disk.ofKind(
    'call',
    { calls: { ...disk.texts, minItems: 1 } },
    { target: disk.choice([exact.onDisk, directory.onDisk]) },
  ),
  write({ calls: names, target }) {
    const syscall = [...names];
    if (target === undefined) return { list: 'matchSyscalls', entry: { syscall } };
    if (target.kind === 'exact') return { list: 'matchPaths', entry: { path: target.path, syscall } };
    const { directory: path, recursive } = target;
    return { list: 'matchPaths', entry: { path, ...(recursive && { recursive: true }), syscall } };
  },
  ...OF_PLACE,
  specificity: ({ target }) => specificityOfPlace(target),
};
