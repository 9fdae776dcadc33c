import { lstatSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { MISSING_CAUSES, type MissingHook } from './missing-hooks.js';

/** In the place of a pin; a name with a dot is refused on a BPF file system. */
const SUFFIX = '_missing';

/**
 * Remembers beside the pins that a program is not there and why, so that the next daemon takes over what is there. A BPF
 * file system holds no files, but it holds links: the words are where this one leads.
 */
export function rememberMissing(directory: string, missing: MissingHook): void {
  const { program, ...rest } = missing;
  symlinkSync(JSON.stringify(rest), join(directory, `${program}${SUFFIX}`));
}

/** What was remembered, by program. */
export function rememberedMissing(directory: string): Map<string, MissingHook> {
  const remembered = new Map<string, MissingHook>();
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return remembered;
  for (const name of readdirSync(directory)) {
    if (!name.endsWith(SUFFIX)) continue;
    const program = name.slice(0, -SUFFIX.length);
    const missing = read(program, join(directory, name));
    if (missing !== undefined) remembered.set(program, missing);
  }
  return remembered;
}

/** Undefined where it is none of ours: the program is tried again then. */
function read(program: string, path: string): MissingHook | undefined {
  try {
    const { hook, cause, reason } = JSON.parse(readlinkSync(path));
    if (typeof hook !== 'string' || typeof reason !== 'string' || !MISSING_CAUSES.includes(cause)) return undefined;
    return { program, hook, cause, reason };
  } catch {
    return undefined;
  }
}
