import type { Match } from '../../policy/model.js';
import { capability } from './capabilities.js';
import { filesystem } from './filesystems.js';
import { mount } from './mounts.js';
import { namespace } from './namespaces.js';
import { family, protocol } from './network.js';
import type { OfKind, ReadingPart } from './part.js';
import { directory, exact, name, pattern } from './paths.js';
import { preset } from './presets.js';
import { trace } from './ptrace.js';
import { domain, endpoint } from './remote-ends.js';
import { call } from './syscalls.js';

/** A kind of match without its part does not compile. */
const MATCHES: { readonly [Kind in Match['kind']]: ReadingPart<OfKind<Kind>> } = {
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

/** The part of the second reading that handles the kind of a match. */
export function readingOf({ kind }: Match): ReadingPart<Match> {
  return MATCHES[kind];
}
