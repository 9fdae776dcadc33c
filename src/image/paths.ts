import type { PathMatch } from '../policy/model.js';
import { type PatternItem, parsePattern } from '../policy/pattern.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';

const SLASH = Buffer.from('/');
/** At the end of a source: every program below that directory. */
const BELOW = '**';

/**
 * Adds paths, from a node on. The kernel writes the path of a directory with a slash at its end: an exact path or a
 * pattern also matches with such a slash.
 */
export function addPath(automaton: NondeterministicAutomaton, from: number, match: PathMatch, mark: number): void {
  switch (match.kind) {
    case 'exact':
      addWithSlash(automaton, automaton.literal(from, Buffer.from(match.path)), mark);
      break;
    case 'directory':
      addDirectory(automaton, from, match.directory, match.recursive, mark);
      break;
    case 'pattern': {
      const items = parsePattern(match.pattern);
      const end = addItems(automaton, from, items);
      const last = items.at(-1);
      if (last?.kind === 'run' && last.crossesSlash) automaton.addMark(end, mark);
      else addWithSlash(automaton, end, mark);
      break;
    }
    default:
      match satisfies never;
  }
}

/** Adds a source: a program, which is not a directory, or the programs of a directory. */
export function addProgram(automaton: NondeterministicAutomaton, source: string, mark: number): void {
  if (source.endsWith(`/${BELOW}`))
    addDirectory(automaton, automaton.start, source.slice(0, -BELOW.length), true, mark);
  else if (source.endsWith('/')) addDirectory(automaton, automaton.start, source, false, mark);
  else automaton.addMark(automaton.literal(automaton.start, Buffer.from(source)), mark);
}

function addWithSlash(automaton: NondeterministicAutomaton, end: number, mark: number): void {
  automaton.addMark(end, mark);
  automaton.addMark(automaton.literal(end, SLASH), mark);
}

function addDirectory(
  automaton: NondeterministicAutomaton,
  from: number,
  directory: string,
  recursive: boolean,
  mark: number,
): void {
  const end = automaton.literal(from, Buffer.from(directory));
  if (recursive) {
    automaton.addMark(automaton.run(end, true), mark);
  } else {
    automaton.addMark(end, mark);
    addWithSlash(automaton, automaton.name(end), mark);
  }
}

function addItems(automaton: NondeterministicAutomaton, from: number, items: readonly PatternItem[]): number {
  let node = from;
  for (const item of items) node = addItem(automaton, node, item);
  return node;
}

function addItem(automaton: NondeterministicAutomaton, from: number, item: PatternItem): number {
  switch (item.kind) {
    case 'literal':
      return automaton.literal(from, item.bytes);
    case 'run':
      return automaton.run(from, item.crossesSlash);
    case 'character':
      return automaton.character(from, item.text, item.ranges);
    case 'alternatives':
      return addAlternatives(automaton, from, item);
  }
}

function addAlternatives(
  automaton: NondeterministicAutomaton,
  from: number,
  { branches, text }: Extract<PatternItem, { kind: 'alternatives' }>,
): number {
  // The branches first: their nodes must have lower numbers than the one they join in.
  const ends = branches.map((branch) => addItems(automaton, from, branch));
  return automaton.join(from, text, (node) => {
    for (const end of new Set(ends)) automaton.empty(end, node);
  });
}
