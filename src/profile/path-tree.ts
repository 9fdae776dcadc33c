import type { Operation } from '../policy/effect.js';
import { literalPattern } from '../policy/literal-pattern.js';
import { type Evidence, joined } from './evidence.js';
import { isFixed, numberedPatternOf, type PathName, patternOf, unwritablePatternOf } from './names.js';

/** This many names in a directory that differ only in their numbers become one pattern. */
const NUMBERED_MIN = 3;

/** What was done to a path, or to all of one pattern. */
export interface PathUse {
  readonly operations: ReadonlySet<Operation>;
  readonly evidence: Evidence;
}

export interface PathNode {
  readonly name: PathName;
  readonly children: readonly PathNode[];
  /** Undefined for a directory that was only passed through. */
  readonly use: PathUse | undefined;
}

interface Growing {
  readonly name: string;
  readonly children: Map<string, Growing>;
  use: PathUse | undefined;
}

/** The paths that were used, as a tree; a directory's own path is at its node. */
export function growTree(uses: Iterable<readonly [path: string, use: PathUse]>): PathNode {
  const root: Growing = { name: '', children: new Map(), use: undefined };
  for (const [path, use] of uses) {
    let node = root;
    for (const name of path.split('/').filter((each) => each !== '')) {
      const child = node.children.get(name) ?? { name, children: new Map(), use: undefined };
      node.children.set(name, child);
      node = child;
    }
    node.use = joinedUse(node.use, use);
  }
  return generalized({ text: '', isPattern: false }, [root], false);
}

/** One node that stands for all of these. */
function generalized(name: PathName, nodes: readonly Growing[], isBelowFixed: boolean): PathNode {
  const groups = new Map<string, { name: PathName; members: Growing[] }>();
  const children = nodes.flatMap((node) => [...node.children.values()]);
  const numbered = new Map<string, Set<string>>();
  for (const child of children) {
    const pattern = numberedPatternOf(child.name);
    numbered.set(pattern, (numbered.get(pattern) ?? new Set()).add(child.name));
  }
  for (const child of children) {
    const byNumbers = numberedPatternOf(child.name);
    const isNumbered = numbered.get(byNumbers)!.size >= NUMBERED_MIN || isPassing(child);
    const pattern = isBelowFixed
      ? unwritablePatternOf(child.name)
      : (patternOf(child.name) ?? (isNumbered && /\d/u.test(child.name) ? byNumbers : undefined));
    const key = pattern ?? literalPattern(child.name);
    const group = groups.get(key) ?? {
      name: { text: pattern ?? child.name, isPattern: pattern !== undefined },
      members: [],
    };
    groups.set(key, group);
    group.members.push(child);
  }
  return {
    name,
    children: [...groups.values()].map((group) =>
      generalized(group.name, group.members, isBelowFixed || (nodes[0]!.name === '' && isFixed(group.name.text))),
    ),
    use: nodes.map(({ use }) => use).reduce((sum, use) => (use === undefined ? sum : joinedUse(sum, use)), undefined),
  };
}

/** A file that was made and deleted again: its numbers are often those of a process. */
function isPassing({ use }: Growing): boolean {
  const operations = use?.operations ?? new Set();
  return operations.has('create') && PASSING.some((operation) => operations.has(operation));
}

const PASSING: readonly Operation[] = ['delete', 'rename'];

export function joinedUse(a: PathUse | undefined, b: PathUse): PathUse {
  if (a === undefined) return b;
  return { operations: new Set([...a.operations, ...b.operations]), evidence: joined(a.evidence, b.evidence) };
}
