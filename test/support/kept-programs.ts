import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deleteIfPresent, keysOf } from '../../src/kernel/map-elements.js';
import { buildOf } from '../../src/kernel/programs.js';
import { RingBuffer } from '../../src/kernel/ring-buffer.js';
import { checked } from '../../src/native/kernel-error.js';
import { BPF_ANY, getPinned, objectInfo, possibleProcessors, updateElement } from '../../src/native/libbpf.js';
import { closeDescriptor } from '../../src/native/libc.js';
import { isPinOf } from './map-pin.js';

/** enum bpf_map_type and struct bpf_map_info of include/uapi/linux/bpf.h. */
const ARRAY = 2;
const PER_CPU_ARRAY = 6;
const RING = 27;
const HASHES = [1, 9, 13];
const INFO_BYTES = 24;
const INFO = { type: 0, keyBytes: 8, valueBytes: 12, entries: 16 };

/** The programs stay attached here between test files. */
export const PIN_DIRECTORY = '/sys/fs/bpf/hauberk-test';

/** Kept, so that the next daemon can take over ownership as it does from any other daemon. */
const LEFT = ['own_objects', 'owner'];

/**
 * Resets what the last daemon has left in the kernel to its state after attaching, and keeps the programs attached:
 * loading them takes an emulated machine longer than most tests.
 *
 * @returns false where that cannot be done: nothing is there, or programs of another build are
 */
export function forgetState(pinDirectory: string): boolean {
  const programs = join(pinDirectory, 'programs');
  const maps = join(pinDirectory, 'maps');
  if (!existsSync(programs) || !existsSync(maps)) return false;
  const build = buildOf('build/bpf/hauberk.bpf.o');
  if (readdirSync(programs).join() !== build) return false;
  // Links that the daemon attaches only when needed.
  for (const name of readdirSync(join(programs, build))) rmSync(join(programs, build, `${name}_link`), { force: true });
  for (const name of readdirSync(maps)) if (!LEFT.some((map) => isPinOf(map, name))) empty(join(maps, name));
  return true;
}

function empty(path: string): void {
  const map = checked(`cannot open ${path}`, getPinned(path));
  const info = Buffer.alloc(INFO_BYTES);
  checked(`cannot read the type of ${path}`, objectInfo(map, info, [INFO_BYTES]));
  const [type, keyBytes] = [info.readUInt32LE(INFO.type), info.readUInt32LE(INFO.keyBytes)];
  const [valueBytes, entries] = [info.readUInt32LE(INFO.valueBytes), info.readUInt32LE(INFO.entries)];
  if (HASHES.includes(type)) {
    for (const key of keysOf(`cannot list ${path}`, map, keyBytes)) deleteIfPresent(`cannot empty ${path}`, map, key);
  } else if (type === ARRAY || type === PER_CPU_ARRAY) {
    const zeros = Buffer.alloc(type === ARRAY ? valueBytes : 8 * Math.ceil(valueBytes / 8) * possibleProcessors());
    for (let index = 0; index < entries; index++)
      checked(`cannot clear ${path}`, updateElement(map, Uint32Array.of(index), zeros, BPF_ANY));
  } else if (type === RING) {
    const ring = new RingBuffer(map, entries);
    ring.skipTo(ring.written);
  }
  closeDescriptor(map);
}
