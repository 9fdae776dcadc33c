import { Direction, type PathMatch as PathMessage, type Rule } from '../generated/hauberk/v1/policy.js';
import type { Match, PathMatch, RuleClass } from '../policy/model.js';
import { DIRECTION_NAMES, DIRECTIONS } from './names.js';

/** The messages of each kind of match in the API, the entry of a manifest that a message stands for, and its text. */

export type MatchMessage = NonNullable<Rule['match']>;
export type MatchCase = MatchMessage['$case'];
type ValueOf<Case extends MatchCase> = Extract<MatchMessage, { $case: Case }>['value'];

interface CasePart<Value> {
  /** Whose rules can have it. */
  readonly classes: readonly RuleClass[];
  /** Which list of its section the entry stands in; presets are a list without a section. */
  list(value: Value): string;
  entry(value: Value): object;
  /** As a short text, for people. */
  text(value: Value): string;
  /** In a manifest several values may stand in one entry, separated by commas. */
  readonly isListed?: true;
}

const always = (list: string) => () => list;
const itself = (value: string) => value;
const words = (...parts: readonly string[]) => parts.filter(Boolean).join(' ');

const directionText = (direction: Direction) =>
  direction === Direction.UNSPECIFIED ? '' : (DIRECTION_NAMES.get(direction) ?? String(direction));

/** A match of the API without an entry here does not compile. */
const CASES: { readonly [Case in MatchCase]: CasePart<ValueOf<Case>> } = {
  path: { classes: ['process', 'file'], list: always('matchPaths'), entry: (path) => ({ path }), text: itself },
  programName: {
    classes: ['process'],
    list: always('matchPaths'),
    entry: (execname) => ({ execname }),
    text: itself,
  },
  directory: {
    classes: ['process', 'file'],
    list: always('matchDirectories'),
    entry: ({ directory, recursive }) => ({ dir: directory, ...(recursive && { recursive }) }),
    text: ({ directory, recursive }) => directory + (recursive ? '**' : '*'),
  },
  pattern: {
    classes: ['process', 'file'],
    list: always('matchPatterns'),
    entry: (pattern) => ({ pattern }),
    text: itself,
  },
  protocol: {
    classes: ['network'],
    list: always('matchProtocols'),
    entry: (protocol) => ({ protocol }),
    isListed: true,
    text: itself,
  },
  family: { classes: ['network'], list: always('matchFamilies'), entry: (family) => ({ family }), text: itself },
  endpoint: {
    classes: ['network'],
    list: always('matchEndpoints'),
    entry: ({ protocol, cidr, ports, direction }) => ({
      ...(protocol !== '' && { protocol }),
      ...(cidr !== '' && { cidr }),
      ...(ports !== '' && { ports }),
      ...(direction !== Direction.UNSPECIFIED && { direction: directionText(direction) }),
    }),
    text: ({ protocol, cidr, ports, direction }) =>
      words(directionText(direction), protocol, cidr, ports && `port ${ports}`),
  },
  domain: {
    classes: ['network'],
    list: always('matchDNSQueries'),
    entry: (domain) => ({ domain }),
    isListed: true,
    text: itself,
  },
  capability: {
    classes: ['capabilities'],
    list: always('matchCapabilities'),
    entry: (capability) => ({ capability }),
    isListed: true,
    text: itself,
  },
  filesystem: { classes: ['filesystems'], list: always('matchTypes'), entry: (type) => ({ type }), text: itself },
  mount: {
    classes: ['mounts'],
    list: always('matchMounts'),
    entry: ({ target, type, operation }) => ({
      ...placeEntry(target),
      ...(type !== '' && { type }),
      ...(operation !== '' && { operation }),
    }),
    text: ({ target, type, operation }) => words(operation || 'any', type, placeText(target)),
  },
  trace: {
    classes: ['ptrace'],
    list: always('matchProcesses'),
    entry: ({ target, operation }) => ({ ...placeEntry(target), ...(operation !== '' && { operation }) }),
    text: ({ target, operation }) => words(operation || 'any', placeText(target)),
  },
  kernelNamespace: {
    classes: ['namespaces'],
    list: always('matchNamespaces'),
    entry: (namespace) => ({ namespace }),
    text: itself,
  },
  preset: { classes: ['presets'], list: always(''), entry: (name) => ({ name }), text: itself },
  systemCall: {
    classes: ['syscalls'],
    list: ({ path }) => (path === '' ? 'matchSyscalls' : 'matchPaths'),
    entry: ({ names, path, recursive }) => ({
      syscall: names,
      ...(path !== '' && { path, ...(recursive && { recursive }) }),
    }),
    text: ({ names, path, recursive }) => words(names.join(','), path.replace(/\/$/u, recursive ? '/**' : '/*')),
  },
};

/** The matches that rules of a class can have, as fields of the message. */
export function casesOf(ruleClass: RuleClass): MatchCase[] {
  return (Object.keys(CASES) as MatchCase[]).filter((each) => CASES[each].classes.includes(ruleClass));
}

export function isListed(matchCase: MatchCase): boolean {
  return CASES[matchCase].isListed === true;
}

/** The list of its section that an entry for the match stands in, and the entry. */
export function toEntry<Case extends MatchCase>(match: { readonly $case: Case; readonly value: ValueOf<Case> }) {
  const part: CasePart<ValueOf<Case>> = CASES[match.$case];
  return { list: part.list(match.value), entry: part.entry(match.value) };
}

/** The fields of an entry that name a place. */
export function placeEntry(target: PathMessage | undefined): object {
  return target?.match === undefined ? {} : toEntry(target.match).entry;
}

/** What a rule matches, as a short text. */
export function toText<Case extends MatchCase>(match: { readonly $case: Case; readonly value: ValueOf<Case> }) {
  const part: CasePart<ValueOf<Case>> = CASES[match.$case];
  return part.text(match.value);
}

/** A place, as a short text; empty without one. */
export function placeText(target: PathMessage | undefined): string {
  return target?.match === undefined ? '' : toText(target.match);
}

type OfKind<Kind extends Match['kind']> = Extract<Match, { kind: Kind }>;

/** A kind of match without its message does not compile. */
const MESSAGES: { readonly [Kind in Match['kind']]: (match: OfKind<Kind>) => MatchMessage } = {
  exact: (match) => toPathMessage(match).match!,
  directory: (match) => toPathMessage(match).match!,
  pattern: (match) => toPathMessage(match).match!,
  name: ({ name }) => ({ $case: 'programName', value: name }),
  protocol: ({ protocol }) => ({ $case: 'protocol', value: protocol }),
  family: ({ family }) => ({ $case: 'family', value: family }),
  endpoint: ({ protocol = '', cidr = '', ports = '', direction }) => ({
    $case: 'endpoint',
    value: {
      protocol,
      cidr,
      ports,
      direction: direction === undefined ? Direction.UNSPECIFIED : DIRECTIONS[direction],
    },
  }),
  domain: ({ domain }) => ({ $case: 'domain', value: domain }),
  capability: ({ capability }) => ({ $case: 'capability', value: capability }),
  filesystem: ({ type }) => ({ $case: 'filesystem', value: type }),
  mount: ({ type = '', operation = '', target }) => ({
    $case: 'mount',
    value: { type, operation, target: target && toPathMessage(target) },
  }),
  trace: ({ operation = '', target }) => ({
    $case: 'trace',
    value: { operation, target: target && toPathMessage(target) },
  }),
  namespace: ({ namespace }) => ({ $case: 'kernelNamespace', value: namespace }),
  preset: ({ preset }) => ({ $case: 'preset', value: preset }),
  call({ calls, target }) {
    const recursive = target?.kind === 'directory' && target.recursive;
    const path = target?.kind === 'directory' ? target.directory : (target?.path ?? '');
    return { $case: 'systemCall', value: { names: [...calls], path, recursive } };
  },
};

export function toMatchMessage<Kind extends Match['kind']>(match: OfKind<Kind> & { readonly kind: Kind }) {
  return MESSAGES[match.kind](match);
}

export function toPathMessage(match: PathMatch): PathMessage {
  switch (match.kind) {
    case 'exact':
      return { match: { $case: 'path', value: match.path } };
    case 'directory':
      return { match: { $case: 'directory', value: { directory: match.directory, recursive: match.recursive } } };
    case 'pattern':
      return { match: { $case: 'pattern', value: match.pattern } };
  }
}
