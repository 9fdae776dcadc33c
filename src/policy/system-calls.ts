import { NUMBERS, NUMBERS_32_BIT } from '../generated/system-calls.js';

/** The system calls of the machine that Hauberk was built on, by the names of its kernel's headers. */
export const SYSTEM_CALLS: readonly string[] = Object.keys(NUMBERS);

/** Set in the number of a call of a 32-bit program, whose numbers are others. */
export const CALL_32_BIT = 0x8000;

/** The numbers of a call, as in object keys: that of 64-bit programs first. */
export function callNumbers(name: string): readonly number[] {
  return [NUMBERS[name]!, ...(NUMBERS_32_BIT[name] ?? []).map((number) => number | CALL_32_BIT)];
}

const NAMES: ReadonlyMap<number, string> = new Map(
  SYSTEM_CALLS.flatMap((name) => callNumbers(name).map((number) => [number, name])),
);

export function callName(number: number): string | undefined {
  return NAMES.get(number);
}

/**
 * Where the kernel checks a call: as it is made, or later, when it has found a path that the call was given. Order
 * is that of enum call_point in bpf/include/object_key.h.
 */
export const CALL_POINTS = [
  'entry',
  'open',
  'execute',
  'truncate',
  'delete',
  'create',
  'link',
  'rename',
  'attributes',
  'mount',
] as const;
export type CallPoint = (typeof CALL_POINTS)[number];

/** The calls whose path is known, on any architecture, by where it is known. */
export const CALLS_BY_POINT: Readonly<Record<Exclude<CallPoint, 'entry'>, readonly string[]>> = {
  open: ['open', 'openat', 'openat2', 'creat', 'open_by_handle_at', 'acct', 'swapon', 'swapoff'],
  execute: ['execve', 'execveat'],
  truncate: ['truncate', 'ftruncate'],
  delete: ['unlink', 'unlinkat', 'rmdir'],
  // A Unix socket that is bound to a path is made there.
  create: ['mkdir', 'mkdirat', 'mknod', 'mknodat', 'symlink', 'symlinkat', 'bind'],
  link: ['link', 'linkat'],
  rename: ['rename', 'renameat', 'renameat2'],
  attributes: ['chmod', 'fchmod', 'fchmodat', 'fchmodat2', 'chown', 'fchown', 'fchownat', 'lchown'],
  mount: ['mount', 'umount2', 'move_mount', 'pivot_root'],
};

const POINTS: ReadonlyMap<string, CallPoint> = new Map(
  Object.entries(CALLS_BY_POINT).flatMap(([point, names]) => names.map((name) => [name, point as CallPoint])),
);

/** The system calls of which the kernel knows a path. */
export const CALLS_WITH_PATH: readonly string[] = SYSTEM_CALLS.filter((name) => POINTS.has(name));

/** Where the kernel has the path of a call; of one that is among CALLS_WITH_PATH. */
export function pathPoint(name: string): CallPoint {
  return POINTS.get(name)!;
}
