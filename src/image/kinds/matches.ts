import type { Match, Rule } from '../../policy/model.js';
import type { NondeterministicAutomaton } from '../nondeterministic.js';
import { capability } from './capabilities.js';
import { filesystem } from './filesystems.js';
import { mount } from './mounts.js';
import { namespace } from './namespaces.js';
import { domain, endpoint, family, protocol } from './network.js';
import type { MatchPart, OfKind } from './part.js';
import { directory, exact, name, pattern } from './paths.js';
import { preset } from './presets.js';
import { trace } from './ptrace.js';
import { call } from './syscalls.js';

/** A kind of match without its part does not compile. */
const MATCHES: { readonly [Kind in Match['kind']]: MatchPart<OfKind<Kind>> } = {
  exact,
  directory,
  pattern,
  name,
  protocol,
  family,
  endpoint,
  domain,
  capability,
  filesystem,
  mount,
  trace,
  namespace,
  preset,
  call,
};

const partOf = ({ kind }: Match): MatchPart<Match> => MATCHES[kind];

/** Adds what a rule matches to the automaton, with a mark. */
export function addMatch(
  automaton: NondeterministicAutomaton,
  { match, action }: Pick<Rule, 'match' | 'action'>,
  mark: number,
): void {
  partOf(match).add(automaton, match, mark, action);
}

/** Adds the paths that a rule covers in object keys that do not start with a path. */
export function addGuarded(automaton: NondeterministicAutomaton, match: Match, mark: number): void {
  partOf(match).addGuarded(automaton, match, mark);
}
