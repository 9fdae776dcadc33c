import type { Operation } from '../policy/effect.js';
import { FILE_OPERATIONS } from '../policy/model.js';
import { type Draft, sourcesOf } from './draft.js';
import { evidenceOf } from './evidence.js';
import { type PathName, patternText } from './names.js';
import { isPathAccess, type ObservedAccess } from './observed-access.js';
import { growTree, joinedUse, type PathNode, type PathUse } from './path-tree.js';
import { renamedDirectories } from './renamed-directories.js';

/** This many files read in one directory stand for the whole directory; it has to be this deep. */
const READ_FILES_MIN = 5;
const DIRECTORY_DEPTH_MIN = 2;
/** The same of files that are written. */
const WRITTEN_FILES_MIN = 20;
/** This many files read, in this many directories, stand for the whole tree below. */
const TREE_FILES_MIN = 20;
const TREE_DIRECTORIES_MIN = 3;
const TREE_DEPTH_MIN = 3;
/** A shared object with its version; not what the loader keeps beside its name, as in /etc/ld.so.cache. */
const LIBRARY = /\.so(?:\.(?:\d+[a-z]?|\[0-9\]\*))*$/u;
/** The top directories of libraries. In any other directory, files beside a library are unrelated to it. */
const TOP_OF_LIBRARIES = /^lib(?:32|64|x32)?$/u;
/** Files in these directories are unrelated to each other. */
const NEVER_WHOLE = ['/proc', '/dev'];

/** Rules that allow the accesses to files that were seen. */
export function fileRules(observed: readonly ObservedAccess[]): Draft[] {
  const seen = observed.filter(isPathAccess);
  const { drafts: renamed, others: accesses } = renamedDirectories(seen);
  const all = new Set(seen.map(({ program }) => program));
  const tree = growTree(
    accesses.map((access) => [
      access.object.path,
      { operations: new Set(access.operations), evidence: evidenceOf(access) } satisfies PathUse,
    ]),
  );
  const drafts: Draft[] = [...renamed];
  collect(tree, [], all, drafts, tree.use === undefined ? new Set() : new Set([tree]));
  if (tree.use !== undefined) drafts.push(draftFor('matchDirectories', { dir: '/' }, tree.use, all));
  return drafts;
}

/** @param covered nodes that a rule on a directory covers already */
function collect(
  node: PathNode,
  names: readonly PathName[],
  all: ReadonlySet<string>,
  drafts: Draft[],
  covered: ReadonlySet<PathNode>,
): void {
  const inside = new Set(covered);
  const whole = wholeTree(node, names) ?? wholeDirectory(node, names);
  if (whole !== undefined) {
    const members = whole.members.filter((member) => !covered.has(member));
    const use = members.map((member) => member.use!).reduce<PathUse | undefined>(joinedUse, undefined);
    if (use !== undefined) drafts.push(directoryDraft(names, whole.recursive, use, all));
    for (const member of members) inside.add(member);
  }
  for (const child of node.children) {
    const path = [...names, child.name];
    if (child.use !== undefined && !inside.has(child)) drafts.push(pathDraft(path, child.use, all));
    collect(child, path, all, drafts, inside);
  }
}

interface Whole {
  readonly recursive: boolean;
  readonly members: readonly PathNode[];
}

function wholeTree(node: PathNode, names: readonly PathName[]): Whole | undefined {
  if (names.length < TREE_DEPTH_MIN || mayNeverBeWhole(names)) return undefined;
  const members: PathNode[] = [];
  const directories = new Set<PathNode>();
  const visit = (parent: PathNode) => {
    for (const child of parent.children) {
      if (isOnlyRead(child)) {
        members.push(child);
        directories.add(parent);
      }
      visit(child);
    }
  };
  visit(node);
  const isWhole = members.length >= TREE_FILES_MIN && directories.size >= TREE_DIRECTORIES_MIN;
  return isWhole ? { recursive: true, members } : undefined;
}

function wholeDirectory(node: PathNode, names: readonly PathName[]): Whole | undefined {
  if (names.length === 0 || mayNeverBeWhole(names)) return undefined;
  const used = node.children.filter(({ use }) => use !== undefined);
  const read = used.filter(isOnlyRead);
  const isDeep = names.length >= DIRECTORY_DEPTH_MIN;
  if (isDeep && used.length - read.length >= WRITTEN_FILES_MIN) return { recursive: false, members: used };
  const mayHoldLibraries = isDeep || TOP_OF_LIBRARIES.test(names[0]!.text);
  const holdsLibraries = mayHoldLibraries && read.some(({ name }) => LIBRARY.test(name.text));
  return holdsLibraries || (isDeep && read.length >= READ_FILES_MIN) ? { recursive: false, members: read } : undefined;
}

function mayNeverBeWhole([first]: readonly PathName[]): boolean {
  return first !== undefined && NEVER_WHOLE.includes(`/${first.text}`);
}

function isOnlyRead({ use }: PathNode): boolean {
  return use !== undefined && [...use.operations].every((operation) => operation === 'read');
}

function pathDraft(names: readonly PathName[], use: PathUse, all: ReadonlySet<string>): Draft {
  if (names.some(({ isPattern }) => isPattern)) return draftFor('matchPatterns', { pattern: patternText(names) }, use);
  return draftFor('matchPaths', { path: plainText(names) }, use, all);
}

function directoryDraft(names: readonly PathName[], recursive: boolean, use: PathUse, all: ReadonlySet<string>): Draft {
  if (names.some(({ isPattern }) => isPattern)) {
    return draftFor('matchPatterns', { pattern: `${patternText(names)}/${recursive ? '**' : '*'}` }, use);
  }
  return draftFor('matchDirectories', { dir: `${plainText(names)}/`, ...(recursive && { recursive }) }, use, all);
}

/** @param all every program that acted; left out where the list takes no sources */
function draftFor(list: string, head: object, use: PathUse, all: ReadonlySet<string> = new Set()): Draft {
  const operations = FILE_OPERATIONS.filter((operation) => completed(use.operations).has(operation));
  const isOnlyReading = operations.every((operation) => operation === 'read');
  return {
    section: 'file',
    list,
    entry: { ...head, ...sourcesOf(use.evidence, all), ...(isOnlyReading ? { readOnly: true } : { operations }) },
    action: 'Allow',
    evidence: use.evidence,
  };
}

/**
 * What a program has written it will read again at some time, what it has made it will write and delete, and what it has
 * renamed it will rename again, which takes all that may be done to the file.
 */
function completed(operations: ReadonlySet<Operation>): ReadonlySet<Operation> {
  const has = (operation: Operation) => operations.has(operation);
  if (has('rename')) return new Set([...operations, 'read', 'write', 'delete', 'attributes']);
  if (has('create')) return new Set([...operations, 'read', 'write', 'delete']);
  return has('write') ? new Set([...operations, 'read']) : operations;
}

function plainText(names: readonly PathName[]): string {
  return names.map(({ text }) => `/${text}`).join('');
}
