import { type FieldPath, fieldName, quote } from './finding.js';
import { SECTIONS } from './kinds/kinds.js';
import { type Policy, RULE_CLASSES } from './model.js';
import type { Optional, PolicyDocument, Section, Source } from './policy-document.js';

/** Something that is accepted but probably unintended. */
export interface Remark {
  readonly path: FieldPath;
  /** What is said of the field: the end of a sentence, with what to write instead. */
  readonly description: string;
}

/** A remark as a sentence about its field. */
export function remarkText({ path, description }: Remark): string {
  return `${fieldName(path)} ${description}`;
}

/**
 * What is probably unintended in a valid policy.
 *
 * @param document what the policy was read from
 */
export function remarksOn(policy: Policy, document?: PolicyDocument): Remark[] {
  const ofText =
    document === undefined ? [] : [...textRemarks(document), ...pathRemarks(document), ...callRemarks(document)];
  return [...selectorRemarks(policy), ...ofText, ...familyRemarks(policy)];
}

function selectorRemarks({ matchLabels, matchExpressions = [], namespace, scope = 'namespace' }: Policy): Remark[] {
  if (Object.keys(matchLabels).length > 0 || matchExpressions.length > 0) return [];
  if (scope === 'host') return [];
  const whom =
    scope === 'cluster' ? 'every container of every namespace' : `every container of namespace \`${namespace}\``;
  return [{ path: ['spec', 'selector'], description: `is empty, so the policy reaches ${whom}` }];
}

/** What is accepted because published policies contain it, but has no effect. */
function* callRemarks({ spec: { action, syscalls } }: PolicyDocument): Generator<Remark> {
  const { matchSyscalls, matchPaths } = syscalls ?? {};
  const hasRules = (matchSyscalls?.length ?? 0) + (matchPaths?.length ?? 0) > 0;
  if (hasRules && (action === 'Block' || action === 'Allow'))
    yield { path: ['spec', 'action'], description: `is ${quote(action)}, and system calls are only audited` };
  for (const [index, { path, recursive }] of (matchPaths ?? []).entries()) {
    if (recursive && !path.endsWith('/'))
      yield {
        path: ['spec', 'syscalls', 'matchPaths', index, 'recursive'],
        description: 'says nothing of a path that does not end in `/`; write the directory with a `/` at its end',
      };
  }
}

function* pathRemarks({ spec }: PolicyDocument): Generator<Remark> {
  for (const [name, section] of [
    ['process', spec.process],
    ['file', spec.file],
  ] as const) {
    if (section != null) yield* sectionRemarks(name, section);
  }
  const libraries = (spec.loaderLibraries ?? []).map((item, index) => ({
    field: ['spec', 'loaderLibraries', index],
    item,
    takesPatterns: true,
  }));
  const ofSections = RULE_CLASSES.flatMap((each) => SECTIONS[each].places(spec));
  for (const { field, item, takesPatterns } of [...libraries, ...ofSections]) {
    const kind = takesPatterns ? 'place' : 'location';
    yield* valueRemarks([...field, 'path'], item.path, kind);
    yield* valueRemarks([...field, 'dir'], item.dir, kind, { isRecursive: item.recursive });
    yield* valueRemarks([...field, 'pattern'], item.pattern, 'pattern');
  }
  yield* sourceRemarks(spec, ['spec']);
}

function* sectionRemarks(name: 'process' | 'file', section: Section): Generator<Remark> {
  for (const [index, { path, execname }] of (section.matchPaths ?? []).entries()) {
    yield* valueRemarks(['spec', name, 'matchPaths', index, 'path'], path, 'path', { section: name });
    yield* valueRemarks(['spec', name, 'matchPaths', index, 'execname'], execname, 'name');
  }
  for (const [index, { dir, recursive }] of (section.matchDirectories ?? []).entries())
    yield* valueRemarks(['spec', name, 'matchDirectories', index, 'dir'], dir, 'dir', { isRecursive: recursive });
  for (const [index, { pattern }] of (section.matchPatterns ?? []).entries())
    yield* valueRemarks(['spec', name, 'matchPatterns', index, 'pattern'], pattern, 'pattern', { section: name });
}

/** Sources stand below entries of any section. */
function* sourceRemarks(value: unknown, path: FieldPath): Generator<Remark> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* sourceRemarks(item, [...path, index]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (key !== 'fromSource') {
        yield* sourceRemarks(item, [...path, key]);
        continue;
      }
      for (const [index, source] of ((item ?? []) as Source[]).entries()) {
        yield* valueRemarks([...path, key, index, 'path'], source.path, 'source');
        yield* valueRemarks([...path, key, index, 'dir'], source.dir, 'source');
      }
    }
  }
}

type Kind = 'path' | 'dir' | 'pattern' | 'name' | 'source' | 'place' | 'location';

const WILDCARD = /[*?]|\{[^{}]*,[^{}]*\}/u;

interface Surroundings {
  readonly section?: 'process' | 'file';
  /** Of a directory. */
  readonly isRecursive?: Optional<boolean>;
}

function* valueRemarks(
  path: FieldPath,
  value: Optional<string>,
  kind: Kind,
  { section, isRecursive }: Surroundings = {},
): Generator<Remark> {
  if (value == null) return;
  yield* blankRemarks(path, value);
  const trimmed = value.trim();
  const [place, parameters] = splitArguments(trimmed, kind, section);
  const named = isOfPrograms(kind, section) ? place : trimmed;
  const hasWildcard = kind !== 'pattern' && WILDCARD.test(named);
  if (hasWildcard) yield { path, description: wildcardText(named, kind, isRecursive === true) };
  if (parameters === undefined) return;
  const fact = argumentText(parameters, kind, section);
  // The other remark says already what to write.
  yield { path, description: hasWildcard ? fact : `${fact}${argumentAdvice(place, kind, section)}` };
}

/** What a value names, and what looks like arguments behind it. */
function splitArguments(value: string, kind: Kind, section: Surroundings['section']): [string, string?] {
  const split = kind === 'name' ? /^(\S+)\s+(.+)$/u : /^(\S*\/\S+)\s+(.+)$/u;
  const [, place, parameters] = split.exec(value) ?? [];
  if (parameters === undefined || kind === 'dir') return [value];
  // Names of programs seldom contain blanks, names of files do.
  const areArguments = isOfPrograms(kind, section) ? /^[-/]|^[^/]+$/u.test(parameters) : /^--?[a-z]/iu.test(parameters);
  return areArguments ? [place!, parameters] : [value];
}

function isOfPrograms(kind: Kind, section: Surroundings['section']): boolean {
  return section === 'process' || kind === 'source' || kind === 'name';
}

function* blankRemarks(path: FieldPath, value: string): Generator<Remark> {
  const trimmed = value.trim();
  if (trimmed === value) return;
  yield { path, description: `starts or ends with a blank, which counts as part of it; write ${quote(trimmed)}` };
}

/** Labels, and what else is compared as a whole. */
function* textRemarks({ spec }: PolicyDocument): Generator<Remark> {
  for (const name of ['selector', 'nodeSelector'] as const) {
    for (const [label, value] of Object.entries(spec[name]?.matchLabels ?? {}))
      yield* blankRemarks(['spec', name, 'matchLabels', label], value);
    for (const [index, { values }] of (spec[name]?.matchExpressions ?? []).entries()) {
      for (const [place, value] of values.entries())
        yield* blankRemarks(['spec', name, 'matchExpressions', index, 'values', place], value);
    }
  }
  for (const [index, { allowedArgs }] of (spec.process?.matchPaths ?? []).entries()) {
    for (const [place, value] of (allowedArgs ?? []).entries())
      yield* blankRemarks(['spec', 'process', 'matchPaths', index, 'allowedArgs', place], value);
  }
}

function wildcardText(value: string, kind: Kind, isRecursive: boolean): string {
  const taken = `takes ${quote(WILDCARD.exec(value)![0])} literally, not as a wildcard`;
  const base = /^[^*?[{]*\//u.exec(value)?.[0] ?? '/';
  const pattern = value.replace(/\/$/u, isRecursive ? '/**' : '/*');
  switch (kind) {
    case 'source':
      return `${taken}; for all programs of a directory write \`dir: ${base}\`, with \`recursive: true\` for those below it too`;
    case 'dir':
      return `${taken}; write \`pattern: ${pattern}\` in \`matchPatterns\` or, for all below \`${base}\`, \`dir: ${base}\` with \`recursive: true\``;
    case 'place':
      return `${taken}; write \`pattern: ${pattern}\``;
    case 'location':
      return `${taken}; for all below \`${base}\` write \`path: ${base}\` with \`recursive: true\``;
    case 'name':
      return `${taken}; write \`pattern: /**/${value}\` in \`matchPatterns\``;
    case 'path':
    case 'pattern':
      return `${taken}; write \`pattern: ${value}\` in \`matchPatterns\``;
  }
}

function argumentText(parameters: string, kind: Kind, section: Surroundings['section']): string {
  if (!isOfPrograms(kind, section)) return `is matched with a path, in which ${quote(parameters)} is part of a name`;
  const whole = kind === 'name' ? 'name' : 'path';
  return `is matched with the program's ${whole}, which holds no arguments such as ${quote(parameters)}`;
}

function argumentAdvice(place: string, kind: Kind, section: Surroundings['section']): string {
  const instead = `write \`${kind === 'pattern' ? 'pattern' : kind === 'name' ? 'execname' : 'path'}: ${place}\``;
  if (!isOfPrograms(kind, section)) return `; if it is meant as an argument, ${instead}`;
  if (kind === 'source') return `; ${instead}`;
  return `; ${instead}, and to let it run with some arguments only, \`path\` with \`allowedArgs\``;
}

/** Names of protocols stand for internet sockets only: local sockets stay allowed. */
function familyRemarks({ rules }: Policy): Remark[] {
  const network = rules.filter(({ class: ruleClass }) => ruleClass === 'network');
  const isAllowList = network.some(({ action }) => action === 'Allow');
  if (!isAllowList || network.some(({ match }) => match.kind === 'family')) return [];
  return [
    {
      path: ['spec', 'network'],
      description:
        'allows sockets without naming families, so local ones (unix, netlink) stay outside the network posture; ' +
        'to put them under it, write rules in `matchFamilies`',
    },
  ];
}
