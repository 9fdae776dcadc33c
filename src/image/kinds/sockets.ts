import * as disk from '../../disk-schema.js';
import type { SocketUse } from '../../policy/network.js';
import { areDigits, digits, numberAt } from '../key-digits.js';
import { addressText, familyName, isInternet, isNamedByProtocol, protocolName, typeName } from '../socket-names.js';
import type { ObjectPart } from './part.js';

/**
 * A socket is `n`, address family (2), type (1), protocol (4) and direction (1), port (4), kind of address (1), address
 * (32, an IPv4 address in the first 8) and, where an answer gave that address, the name that was looked up. What is not
 * known is written as zeros. A question for a name is `q` and the name. A DNS name is its labels from the last to the
 * first, each behind a dot: `.com.example.www`.
 */
export const SOCKET = 'n';
export const QUERY = 'q';
/** A name may follow. */
const SOCKET_CHARACTERS = 46;
export const ADDRESS_DIGITS = 32;
const DIRECTIONS = ['none', 'egress', 'ingress'] as const;
type Direction = (typeof DIRECTIONS)[number];
/** By the kind of address: how many bytes it has. */
const ADDRESS_BYTES: readonly number[] = [0, 4, 16];

export function directionDigit(direction: Direction): string {
  return digits(DIRECTIONS.indexOf(direction), 1);
}

/** @param bytes of the address; 0 where it is not known */
export function addressKindDigit(bytes: number): string {
  return digits(ADDRESS_BYTES.indexOf(bytes), 1);
}

export type SocketObject = { readonly kind: 'socket' } & SocketUse;

const bytesOnDisk = (count: number) => ({
  type: 'array',
  items: { type: 'integer', minimum: 0, maximum: 255 },
  minItems: count,
  maxItems: count,
});

export const socketObject: ObjectPart<SocketObject> = {
  onDisk: disk.ofKind(
    'socket',
    {
      family: disk.number,
      type: disk.number,
      protocol: disk.number,
      direction: disk.oneOf(DIRECTIONS),
      port: disk.number,
      address: { anyOf: ADDRESS_BYTES.map(bytesOnDisk) },
    },
    { name: disk.text },
  ),
  firstCharacter: SOCKET,
  read(key) {
    const direction = DIRECTIONS[numberAt(key, 8, 1)];
    const bytes = ADDRESS_BYTES[numberAt(key, 13, 1)];
    if (direction === undefined || bytes === undefined) return undefined;
    if (!areDigits(key, 1, SOCKET_CHARACTERS) || !mayBeName(key, SOCKET_CHARACTERS)) return undefined;
    const address = new Array<number>(bytes);
    for (let index = 0; index < bytes; index++) address[index] = numberAt(key, 14 + index * 2, 2);
    const name = readName(key, SOCKET_CHARACTERS);
    return {
      kind: 'socket',
      family: numberAt(key, 1, 2),
      type: numberAt(key, 3, 1),
      protocol: numberAt(key, 4, 4),
      direction,
      port: numberAt(key, 9, 4),
      address,
      ...(name !== '' && { name }),
    };
  },
  write({ family, type, protocol, direction, port, address, name = '' }) {
    const head = `${SOCKET}${digits(family, 2)}${digits(type, 1)}${digits(protocol, 4)}`;
    const end = `${directionDigit(direction)}${digits(port, 4)}`;
    const bytes = address.map((byte) => digits(byte, 2)).join('');
    return head + end + addressKindDigit(address.length) + bytes.padEnd(ADDRESS_DIGITS, digits(0, 1)) + nameKey(name);
  },
  describe(use) {
    const { direction, port, address, name } = use;
    const socket = describeKind(use);
    if (direction === 'none') return socket;
    if (address.length === 0) return `${socket} port ${port}`;
    const end = address.length === 4 ? addressText(address) : `[${addressText(address)}]`;
    return `${socket} ${end}:${port}${name === undefined ? '' : ` (${name})`}`;
  },
};

/** A DNS question for a name; that of the root is empty. */
export interface QueryObject {
  readonly kind: 'query';
  readonly name: string;
}

export const queryObject: ObjectPart<QueryObject> = {
  onDisk: disk.ofKind('query', { name: disk.text }),
  firstCharacter: QUERY,
  read: (key) => (mayBeName(key, 1) ? { kind: 'query', name: readName(key, 1) } : undefined),
  write: ({ name }) => `${QUERY}${nameKey(name)}`,
  describe: ({ name }) => name || '.',
};

function mayBeName(key: string, start: number): boolean {
  return key.length === start || key[start] === '.';
}

/** From parts, the last one first, each behind a dot. */
function readName(key: string, start: number): string {
  if (key.length === start) return '';
  const parts = key.slice(start + 1).split('.');
  return parts.reverse().join('.');
}

function nameKey(name: string): string {
  return name === '' ? '' : `.${name.split('.').reverse().join('.')}`;
}

function describeKind(use: SocketUse): string {
  if (isNamedByProtocol(use)) return protocolName(use)!;
  const kind = `${familyName(use)} ${typeName(use)}`;
  if (isInternet(use)) return `${kind} ${protocolName(use) ?? use.protocol}`;
  return use.protocol === 0 ? kind : `${kind} ${use.protocol}`;
}
