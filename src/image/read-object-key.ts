import { MOUNT_OPERATIONS, TRACE_OPERATIONS } from '../policy/model.js';
import { CALL_POINTS } from '../policy/system-calls.js';
import { numberAt, ZERO } from './key-digits.js';
import { BEHAVIOURS, type Behaviour, type KeyObject, type ReportedObject } from './reported-object.js';

/** Decodes the object keys that object-keys.ts describes and the kernel writes. */

/** A name may follow. */
const SOCKET_CHARACTERS = 46;
export const SOCKET_DIRECTIONS = ['none', 'egress', 'ingress'] as const;
/** By the kind of address: how many bytes it has. */
export const ADDRESS_BYTES: readonly number[] = [0, 4, 16];
/** How their keys begin: see addPreset in object-keys.ts. */
export const BEHAVIOUR_KEYS: Readonly<Record<Behaviour, string>> = {
  'map-anonymous': 'pa',
  'run-by-path': 'pba',
  'run-without-name': 'pbb',
  'open-environment-of-process': 'pce',
  'open-entry-of-process': 'pca',
  'run-from-outside': 'pd',
  'use-of-host': 'pe',
  'run-changed': 'pfa',
  'run-from-elsewhere': 'pfb',
  'run-from-nowhere': 'pfc',
};

/** What a path or an object key stands for. */
export function reportedObject(key: string): ReportedObject {
  return readObjectKey(key) ?? { kind: 'path', path: key };
}

/** What an object key stands for; undefined for a path. This is called for every event. */
export function readObjectKey(key: string): KeyObject | undefined {
  return READERS[key.charAt(0)]?.(key);
}

/** By the first character. */
const READERS: Readonly<Partial<Record<string, (key: string) => KeyObject | undefined>>> = {
  n: readSocket,
  q: (key) => (mayBeName(key, 1) ? { kind: 'query', name: readName(key, 1) } : undefined),
  c: (key) => (isCapability(key) ? { kind: 'capability', number: numberAt(key, 1, 2) } : undefined),
  f: (key) => (key.startsWith('fa') ? { kind: 'filesystem', ...readTypedPath(key) } : undefined),
  m: (key) => {
    const operation = MOUNT_OPERATIONS[numberAt(key, 1, 1)];
    return operation && { kind: 'mount', operation, ...readTypedPath(key) };
  },
  t: (key) => {
    const operation = TRACE_OPERATIONS[numberAt(key, 1, 1)];
    return operation && { kind: 'trace', operation, path: key.slice(2) };
  },
  u: (key) => (key === 'ua' ? { kind: 'namespace' } : undefined),
  s: (key) => {
    const point = CALL_POINTS[numberAt(key, 1, 1)];
    if (point === undefined || !areDigits(key, 2, 6)) return undefined;
    return { kind: 'call', point, number: numberAt(key, 2, 4), path: key.slice(6) };
  },
  p: readBehaviour,
};

function readSocket(key: string): KeyObject | undefined {
  const direction = SOCKET_DIRECTIONS[numberAt(key, 8, 1)];
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
}

function mayBeName(key: string, start: number): boolean {
  return key.length === start || key[start] === '.';
}

/** From parts, the last one first, each behind a dot. */
function readName(key: string, start: number): string {
  if (key.length === start) return '';
  const parts = key.slice(start + 1).split('.');
  return parts.reverse().join('.');
}

/** A type, whose name has no slash, and a path. */
function readTypedPath(key: string): { readonly type: string; readonly path: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { type: key.slice(2), path: '' } : { type: key.slice(2, slash), path: key.slice(slash) };
}

function readBehaviour(key: string): KeyObject | undefined {
  const behaviour = BEHAVIOURS.find((each) => key.startsWith(BEHAVIOUR_KEYS[each]));
  if (behaviour === undefined) return undefined;
  const rest = key.slice(BEHAVIOUR_KEYS[behaviour].length);
  if (behaviour === 'use-of-host' && isCapability(rest))
    return { kind: 'behaviour', behaviour, path: '', capability: numberAt(rest, 1, 2) };
  return rest === '' || rest.startsWith('/') ? { kind: 'behaviour', behaviour, path: rest } : undefined;
}

function isCapability(key: string): boolean {
  return key.length === 3 && key.startsWith('c') && areDigits(key, 1, 3);
}

/** Whether there are only digits from one position to another. */
function areDigits(key: string, start: number, end: number): boolean {
  for (let position = start; position < end; position++) {
    const value = key.charCodeAt(position) - ZERO;
    if (!(value >= 0 && value < 16)) return false;
  }
  return true;
}
