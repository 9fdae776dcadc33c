import type { Rule } from '../policy/model.js';
import type { NondeterministicAutomaton } from './nondeterministic.js';
import { addCalled, addObjectKey } from './object-keys.js';
import { addPath } from './paths.js';

const SLASH = Buffer.from('/');

/** Adds what a rule matches to the automaton, with a mark. */
export function addMatch(
  automaton: NondeterministicAutomaton,
  rule: Pick<Rule, 'match' | 'action'>,
  mark: number,
): void {
  const { match } = rule;
  switch (match.kind) {
    case 'exact':
    case 'directory':
    case 'pattern':
      addPath(automaton, automaton.start, match, mark);
      break;
    case 'name': {
      if (match.of !== undefined) {
        addCalled(automaton, match.name, match.of, mark);
        break;
      }
      const root = automaton.literal(automaton.start, SLASH);
      const below = automaton.literal(automaton.run(root, true), SLASH);
      const name = Buffer.from(match.name);
      for (const directory of [root, below]) automaton.addMark(automaton.literal(directory, name), mark);
      break;
    }
    case 'protocol':
    case 'family':
    case 'endpoint':
    case 'domain':
    case 'capability':
    case 'filesystem':
    case 'mount':
    case 'trace':
    case 'namespace':
    case 'preset':
    case 'call':
      addObjectKey(automaton, match, rule.action, mark);
      break;
    default:
      match satisfies never;
  }
}
