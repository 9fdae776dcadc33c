import type { KeyObject } from '../reported-object.js';
import { capabilityObject } from './capabilities.js';
import { filesystemObject } from './filesystems.js';
import { mountObject } from './mounts.js';
import { namespaceObject } from './namespaces.js';
import type { ObjectOfKind, ObjectPart } from './part.js';
import { behaviourObject } from './presets.js';
import { traceObject } from './ptrace.js';
import { queryObject, socketObject } from './sockets.js';
import { callObject } from './syscalls.js';

/** A kind of object without its part does not compile. */
export const OBJECTS: { readonly [Kind in KeyObject['kind']]: ObjectPart<ObjectOfKind<Kind>> } = {
  socket: socketObject,
  query: queryObject,
  capability: capabilityObject,
  filesystem: filesystemObject,
  mount: mountObject,
  trace: traceObject,
  namespace: namespaceObject,
  call: callObject,
  behaviour: behaviourObject,
};

/** The part that handles the kind of an object. */
export function partOf({ kind }: KeyObject): ObjectPart<KeyObject> {
  return OBJECTS[kind];
}
