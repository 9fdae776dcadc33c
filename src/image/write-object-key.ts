import { MOUNT_OPERATIONS, TRACE_OPERATIONS } from '../policy/model.js';
import type { SocketUse } from '../policy/network.js';
import { CALL_POINTS } from '../policy/system-calls.js';
import { digits } from './key-digits.js';
import { ADDRESS_BYTES, BEHAVIOUR_KEYS, SOCKET_DIRECTIONS } from './read-object-key.js';
import type { ReportedObject } from './reported-object.js';

const ADDRESS_DIGITS = 32;

/** The path or object key by which an image decides about an object, as the kernel writes it. */
export function writeObjectKey(object: ReportedObject): string {
  switch (object.kind) {
    case 'path':
      return object.path;
    case 'socket':
      return socketKey(object);
    case 'query':
      return `q${nameKey(object.name)}`;
    case 'capability':
      return capabilityKey(object.number);
    case 'filesystem':
      return `fa${object.type}${object.path}`;
    case 'mount':
      return `m${digits(MOUNT_OPERATIONS.indexOf(object.operation), 1)}${object.type}${object.path}`;
    case 'trace':
      return `t${digits(TRACE_OPERATIONS.indexOf(object.operation), 1)}${object.path}`;
    case 'namespace':
      return 'ua';
    case 'call':
      return `s${digits(CALL_POINTS.indexOf(object.point), 1)}${digits(object.number, 4)}${object.path}`;
    case 'behaviour': {
      const { behaviour, path, capability } = object;
      return BEHAVIOUR_KEYS[behaviour] + (capability === undefined ? path : capabilityKey(capability));
    }
  }
}

function socketKey({ family, type, protocol, direction, port, address, name = '' }: SocketUse): string {
  const head = `n${digits(family, 2)}${digits(type, 1)}${digits(protocol, 4)}`;
  const end = `${digits(SOCKET_DIRECTIONS.indexOf(direction), 1)}${digits(port, 4)}`;
  const kind = digits(ADDRESS_BYTES.indexOf(address.length), 1);
  const bytes = address.map((byte) => digits(byte, 2)).join('');
  return head + end + kind + bytes.padEnd(ADDRESS_DIGITS, digits(0, 1)) + nameKey(name);
}

function nameKey(name: string): string {
  return name === '' ? '' : `.${name.split('.').reverse().join('.')}`;
}

function capabilityKey(number: number): string {
  return `c${digits(number, 2)}`;
}
