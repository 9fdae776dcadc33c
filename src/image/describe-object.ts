import { CAPABILITIES } from '../policy/capability.js';
import type { SocketUse } from '../policy/network.js';
import { callName } from '../policy/system-calls.js';
import type { ReportedObject } from './reported-object.js';
import { addressText, familyName, isInternet, isNamedByProtocol, protocolName, typeName } from './socket-names.js';

/**
 * Describes an object for people: a path as it is, a capability by its name, a socket as `tcp 10.0.0.1:443`, with a name
 * if an answer gave the address for it, `tcp port 80` where only this end is reported, or `netlink raw 0`; of a file its
 * path with the type of its filesystem, of a mount its place with its type, of a process its program; a system call as
 * `unlink`, or as `unlink /tmp/x` where a path is reported; a name that is looked up as it is.
 */
export function describeObject(object: ReportedObject): string {
  switch (object.kind) {
    case 'path':
      return object.path;
    case 'socket':
      return describeSocket(object);
    case 'query':
      return object.name || '.';
    case 'capability':
      return capabilityName(object.number);
    case 'filesystem':
    case 'mount':
      return object.type === '' || object.path === '' ? object.type + object.path : `${object.path} (${object.type})`;
    case 'trace':
      return object.path || 'a kernel thread';
    case 'namespace':
      return 'user namespace';
    case 'call': {
      const name = callName(object.number) ?? `system call ${object.number}`;
      return object.path === '' ? name : `${name} ${object.path}`;
    }
    case 'behaviour':
      if (object.capability !== undefined) return capabilityName(object.capability);
      return object.path || 'memory without a file';
  }
}

function describeSocket(use: SocketUse): string {
  const { direction, port, address, name } = use;
  const socket = describeKind(use);
  if (direction === 'none') return socket;
  if (address.length === 0) return `${socket} port ${port}`;
  const end = address.length === 4 ? addressText(address) : `[${addressText(address)}]`;
  return `${socket} ${end}:${port}${name === undefined ? '' : ` (${name})`}`;
}

function describeKind(use: SocketUse): string {
  if (isNamedByProtocol(use)) return protocolName(use)!;
  const kind = `${familyName(use)} ${typeName(use)}`;
  if (isInternet(use)) return `${kind} ${protocolName(use) ?? use.protocol}`;
  return use.protocol === 0 ? kind : `${kind} ${use.protocol}`;
}

/** `capability 99` for one that this version does not know. */
function capabilityName(number: number): string {
  return CAPABILITIES[number] ?? `capability ${number}`;
}
