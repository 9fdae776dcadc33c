import type { PathMatch } from '../policy/model.js';
import { digits } from './key-digits.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';
import { addPath } from './paths.js';

/**
 * Accesses without a path are encoded as object keys for the same automaton; the kernel writes them, see
 * bpf/include/object_key.h, whose enum object_key has all their first characters. An object key starts with a letter, a
 * path with a slash, so they never collide. Numbers are written as key-digits.ts describes, so that no byte is NUL.
 *
 * What the object of an access is encoded as, the file of its kind in image/kinds describes. These are no objects:
 *
 * An argument of a program is `a`, the number of the rule that looks at it (8) and the argument. A program by the name
 * that it is called is `b`, that name and the path. A library that a loader brings is `la` and its path.
 *
 * What is decided about object keys that end in a path guards the directories of that path: `g` and the path, which
 * only guards.ts looks at.
 */
export const ARGUMENT_RULE_DIGITS = 8;
export const GUARD_PREFIX = 'g';
export const LIBRARY = Buffer.from('la');

/** The arguments that the rule with this number allows a program. */
export function addArguments(
  automaton: NondeterministicAutomaton,
  rule: number,
  allowed: readonly string[],
  mark: number,
): void {
  for (const argument of allowed) {
    const key = Buffer.from(`a${digits(rule, ARGUMENT_RULE_DIGITS)}${argument}`);
    automaton.addMark(automaton.literal(automaton.start, key), mark);
  }
}

/** A program that is run under a name. */
export function addCalled(automaton: NondeterministicAutomaton, name: string, path: string, mark: number): void {
  automaton.addMark(automaton.literal(automaton.start, Buffer.from(`b${name}${path}`)), mark);
}

/** Libraries that loaders may bring. */
export function addLibraries(automaton: NondeterministicAutomaton, places: readonly PathMatch[], mark: number): void {
  for (const place of places) addPath(automaton, automaton.literal(automaton.start, LIBRARY), place, mark);
}

/** The node behind which the paths stand that are guarded. */
export function startOfGuarded(automaton: NondeterministicAutomaton): number {
  return automaton.literal(automaton.start, Buffer.from(GUARD_PREFIX));
}

/** Symbolic links that keep their places, as directories do below which a rule names something. */
export function addGuardedLinks(automaton: NondeterministicAutomaton, links: readonly string[], mark: number): void {
  for (const link of links)
    automaton.addMark(automaton.literal(startOfGuarded(automaton), Buffer.from(`${link}/`)), mark);
}
