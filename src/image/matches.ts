import type { Match, Rule } from '../policy/model.js';
import { partOfMatch } from './kinds/kinds.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';

/** Adds what a rule matches to the automaton, with a mark. */
export function addMatch(
  automaton: NondeterministicAutomaton,
  { match, action }: Pick<Rule, 'match' | 'action'>,
  mark: number,
): void {
  partOfMatch(match).add(automaton, match, mark, action);
}

/** Adds the paths that a rule covers in object keys that do not start with a path. */
export function addGuarded(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  partOfMatch(match).addGuarded(automaton, match, mark);
}
