import { lstatSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { MISSING_CAUSES, type MissingHook } from './missing-hooks.js';

/** The ending of an entry in place of a pin; a BPF file system refuses names with a dot. */
const SUFFIX = '_missing';

/**
 * Notes beside the pins that a program is missing and why, so that the next daemon takes over the rest. A BPF file
 * system holds no regular files, but symbolic links: the note is the target of one.
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

/** Undefined if it is not one of ours: the program is then tried again. */
function read(program: string, path: string): MissingHook | undefined {
  try {
    const { hook, cause, reason } = JSON.parse(readlinkSync(path));
    if (typeof hook !== 'string' || typeof reason !== 'string' || !MISSING_CAUSES.includes(cause)) return undefined;
    return { program, hook, cause, reason };
  } catch {
    return undefined;
  }
}
