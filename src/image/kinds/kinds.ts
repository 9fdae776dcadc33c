import type { Match } from '../../policy/model.js';
import { capability, capabilityObject } from './capabilities.js';
import { filesystem, filesystemObject } from './filesystems.js';
import { mount, mountObject } from './mounts.js';
import { namespace, namespaceObject } from './namespaces.js';
import { domain, endpoint, family, protocol } from './network.js';
import type { MatchPart, ObjectPart, OfKind } from './part.js';
import { name, path } from './paths.js';
import { behaviourObject, preset } from './presets.js';
import { trace, traceObject } from './ptrace.js';
import { queryObject, socketObject } from './sockets.js';
import { call, callObject } from './syscalls.js';

/** A kind of match without its part does not compile. */
const MATCHES: { readonly [Kind in Match['kind']]: MatchPart<OfKind<Kind>> } = {
  exact: path,
  directory: path,
  pattern: path,
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

/** By the kind of object, for each that is not a path alone. */
export const OBJECTS = {
  socket: socketObject,
  query: queryObject,
  capability: capabilityObject,
  filesystem: filesystemObject,
  mount: mountObject,
  trace: traceObject,
  namespace: namespaceObject,
  call: callObject,
  behaviour: behaviourObject,
} as const;

/** What is not a path alone. A path, or a type of a filesystem, is empty where there is none. */
export type KeyObject = NonNullable<ReturnType<(typeof OBJECTS)[keyof typeof OBJECTS]['read']>>;

/** The part that compiles the kind of a match. */
export function partOfMatch({ kind }: Match): MatchPart<Match> {
  return MATCHES[kind];
}

/** The part that encodes and describes the kind of an object. */
export function partOfObject({ kind }: KeyObject): ObjectPart<KeyObject> {
  return OBJECTS[kind];
}
