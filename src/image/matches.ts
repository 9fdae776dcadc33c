import type { Rule } from '../policy/model.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';
import { type PatternItem, parsePattern } from './pattern.js';
import { addCapability, addNetwork } from './words.js';

const SLASH = Buffer.from('/');

/**
 * Adds what a rule matches to the automaton, under a mark. The kernel writes the path of a directory with a slash at
 * its end: what an exact path or a pattern matches, it matches with such a slash too.
 */
export function addMatch(
  automaton: NondeterministicAutomaton,
  rule: Pick<Rule, 'match' | 'action'>,
  mark: number,
): void {
  const { match } = rule;
  switch (match.kind) {
    case 'exact':
      addWithSlash(automaton, automaton.literal(automaton.start, Buffer.from(match.path)), mark);
      break;
    case 'directory':
      addDirectory(automaton, match.directory, match.recursive, mark);
      break;
    case 'pattern': {
      const items = parsePattern(match.pattern);
      const end = addItems(automaton, automaton.start, items);
      const last = items.at(-1);
      if (last?.kind === 'run' && last.crossesSlash) automaton.addMark(end, mark);
      else addWithSlash(automaton, end, mark);
      break;
    }
    case 'capability':
      addCapability(automaton, match.capability, mark);
      break;
    default:
      addNetwork(automaton, match, rule.action, mark);
  }
}

/** Adds the path of a program, which is no directory. */
export function addProgram(automaton: NondeterministicAutomaton, path: string, mark: number): void {
  automaton.addMark(automaton.literal(automaton.start, Buffer.from(path)), mark);
}

function addWithSlash(automaton: NondeterministicAutomaton, end: number, mark: number): void {
  automaton.addMark(end, mark);
  automaton.addMark(automaton.literal(end, SLASH), mark);
}

function addDirectory(automaton: NondeterministicAutomaton, directory: string, recursive: boolean, mark: number): void {
  const end = automaton.literal(automaton.start, Buffer.from(directory));
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
