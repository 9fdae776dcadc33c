import { partOfObject } from './kinds/kinds.js';
import type { ReportedObject } from './reported-object.js';

/**
 * Describes an object for people: a path as it is, a capability by its name, a socket as `tcp 10.0.0.1:443`, with a name
 * if an answer gave the address for it, `tcp port 80` where only this end is reported, or `netlink raw 0`; of a file its
 * path with the type of its filesystem, of a mount its place with its type, of a process its program; a system call as
 * `unlink`, or as `unlink /tmp/x` where a path is reported; a name that is looked up as it is.
 */
export function describeObject(object: ReportedObject): string {
  return object.kind === 'path' ? object.path : partOfObject(object).describe(object);
}
