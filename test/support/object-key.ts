import type { AccessObject } from '../../src/explain/access.js';
import { CAPABILITIES } from '../../src/policy/capability.js';
import { MOUNT_OPERATIONS, TRACE_OPERATIONS } from '../../src/policy/model.js';
import type { SocketUse } from '../../src/policy/network.js';
import { callNumbers } from '../../src/policy/system-calls.js';

/** Object keys as the kernel writes them, by the descriptions in src/image/object-keys.ts and src/image/kinds but without its code. */
export function objectKey(object: AccessObject): Buffer {
  switch (object.kind) {
    case 'path':
      return Buffer.from(object.path);
    case 'socket':
      return socketKey(object);
    case 'query':
      return Buffer.from(`q${nameKey(object.name)}`);
    case 'capability':
      return capabilityKey((CAPABILITIES as readonly string[]).indexOf(object.capability));
    case 'filesystem':
      return Buffer.concat([Buffer.from(`fa${object.type}`), object.path]);
    case 'mount': {
      const operation = 'ab'[MOUNT_OPERATIONS.indexOf(object.operation)];
      return Buffer.concat([Buffer.from(`m${operation}${object.type}`), object.path]);
    }
    case 'trace':
      return Buffer.concat([Buffer.from(`t${'ab'[TRACE_OPERATIONS.indexOf(object.operation)]}`), object.path]);
    case 'namespace':
      return Buffer.from('ua');
    case 'call': {
      const point = object.path === undefined ? 0 : POINTS.indexOf(POINT_OF_CALL[object.call]!);
      const [number] = callNumbers(object.call);
      return Buffer.concat([
        Buffer.from(`s${toDigits(hex(point, 1) + hex(number!, 4))}`),
        object.path ?? Buffer.alloc(0),
      ]);
    }
    case 'behaviour':
      if (object.path !== undefined) return Buffer.concat([Buffer.from('pfb'), object.path]);
      return Buffer.from(BEHAVIOURS[object.presets.join()]!);
  }
}

const POINTS = ['', 'open', 'execute', 'truncate', 'delete', 'create', 'link', 'rename', 'attributes', 'mount'];
/** The hook at which the kernel knows the path of a call. */
const POINT_OF_CALL: Readonly<Record<string, string>> = {
  openat: 'open',
  execve: 'execute',
  unlinkat: 'delete',
  renameat: 'rename',
  mount: 'mount',
};
export const CALLS_KNOWN = Object.keys(POINT_OF_CALL);

/** The behaviours that presets cover. */
const BEHAVIOURS: Readonly<Record<string, string>> = {
  '': 'pba/usr/bin/true',
  anonymousMapExec: 'pa',
  filelessExec: 'pbb',
  'protectEnv,protectProc': 'pce/proc/7/environ',
  protectProc: 'pca/proc/7/maps',
  exec: 'pd/bin/sh',
  hardened: 'pe/dev/sda',
  drift: 'pfa/tmp/copy',
};
export const BEHAVIOURS_KNOWN = Object.keys(BEHAVIOURS);

const DIRECTIONS = ['none', 'egress', 'ingress'];

export function socketKey({ family, type, protocol, direction, port, address, name }: SocketUse): Buffer {
  const kind = address.length === 4 ? 1 : address.length === 16 ? 2 : 0;
  const padded = [...address, ...new Array<number>(16 - address.length).fill(0)];
  const digits =
    hex(family, 2) +
    hex(type, 1) +
    hex(protocol, 4) +
    hex(DIRECTIONS.indexOf(direction), 1) +
    hex(port, 4) +
    hex(kind, 1) +
    padded.map((byte) => hex(byte, 2)).join('');
  return Buffer.from(`n${toDigits(digits)}${name === undefined ? '' : nameKey(name)}`);
}

function nameKey(name: string): string {
  return name.split('.').reduce((rest, part) => `.${part}${rest}`, '');
}

export function capabilityKey(number: number): Buffer {
  return Buffer.from(`c${toDigits(hex(number, 2))}`);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function toDigits(digits: string): string {
  return digits.replace(/[0-9a-f]/gu, (digit) => String.fromCharCode(0x61 + Number.parseInt(digit, 16)));
}
