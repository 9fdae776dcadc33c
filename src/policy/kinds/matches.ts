import type { Match } from '../model.js';
import { capability } from './capabilities.js';
import { filesystem } from './filesystems.js';
import { mount } from './mounts.js';
import { namespace } from './namespaces.js';
import { family, protocol } from './network.js';
import type { MatchPart } from './parts.js';
import { directory, exact, pattern } from './paths.js';
import { preset } from './presets.js';
import { name } from './process.js';
import { trace } from './ptrace.js';
import { domain, endpoint } from './remote-ends.js';
import { call } from './syscalls.js';

/** A kind of match without its part does not compile. */
const MATCHES: { readonly [Kind in Match['kind']]: MatchPart<Extract<Match, { kind: Kind }>> } = {
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

/** The part of the language that handles the kind of a match. */
export function partOf({ kind }: Match): MatchPart<Match> {
  return MATCHES[kind];
}
