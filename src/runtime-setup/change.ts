import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createTwoFilesPatch } from 'diff';
import { Failure } from '../failure.js';
import type { Host } from './host.js';

/** One file as it is and as it is to be. */
export interface FileChange {
  readonly path: string;
  /** Undefined where the file is not there. */
  readonly before: Buffer | undefined;
  /** Undefined where the file is to be removed. */
  readonly after: Buffer | undefined;
  /** For a new file, or one whose mode matters; otherwise the file keeps its mode. */
  readonly mode: number | undefined;
  /** A program: described in a line instead of shown. */
  readonly isProgram: boolean;
  /** Whether the file is not Hauberk's own, so that a copy of it is kept. */
  readonly keepsCopy: boolean;
}

export interface ChangeOptions {
  readonly mode?: number;
  readonly isProgram?: boolean;
  readonly keepsCopy?: boolean;
}

/** The change that gives a file this content; undefined if it has it already. */
export function fileChange(
  host: Host,
  path: string,
  after: string | Buffer | undefined,
  { mode, isProgram = false, keepsCopy = false }: ChangeOptions = {},
): FileChange | undefined {
  const before = host.read(path);
  const wanted = typeof after === 'string' ? Buffer.from(after) : after;
  const sameContent = before === undefined ? wanted === undefined : wanted?.equals(before) === true;
  const sameMode = mode === undefined || before === undefined || host.mode(path) === mode;
  if (sameContent && sameMode) return undefined;
  return { path, before, after: wanted, mode, isProgram, keepsCopy };
}

/** The change for people: a unified diff, or a line about a program, or about a file of Hauberk's own that goes. */
export function describeChange({ path, before, after, mode, isProgram, keepsCopy }: FileChange): string {
  if (isProgram && after !== undefined)
    return `${before === undefined ? 'new' : 'replaced'} program: ${path} (${after.length} bytes)\n`;
  if (after === undefined && !keepsCopy) return `removed: ${path}\n`;
  const same = before !== undefined && after?.equals(before) === true;
  if (same) return `mode of ${path}: ${mode!.toString(8)}\n`;
  const patch = createTwoFilesPatch(
    before === undefined ? '/dev/null' : path,
    after === undefined ? '/dev/null' : path,
    before?.toString('utf8') ?? '',
    after?.toString('utf8') ?? '',
  );
  return patch.replace(/^(Index: .*\n)?=+\n/u, '');
}

/**
 * Makes a change; returns where the copy of the former file lies, if one is kept. The file is intact at every moment.
 */
export function applyChange(host: Host, change: FileChange, now = new Date()): string | undefined {
  const { path, before, after, keepsCopy } = change;
  const current = host.read(path);
  const isUnchanged = before === undefined ? current === undefined : current?.equals(before) === true;
  if (!isUnchanged)
    throw new Failure('aborted', `${path} has changed since the change was shown; nothing was written to it`);
  const target = host.target(path);
  const copy = keepsCopy && before !== undefined ? keepCopy(host, path, target, now) : undefined;
  if (after === undefined) unlinkSync(target);
  else {
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    replaceFile(target, after, change.mode);
  }
  syncDirectory(dirname(target));
  return copy;
}

/** FILE.hauberk-backup-TIME beside the file, with a number where that is taken. */
function keepCopy(host: Host, path: string, target: string, now: Date): string {
  const time = now.toISOString().replace(/[-:]|\.\d+/gu, '');
  const { mode, uid, gid } = statSync(target);
  for (let number = 0; ; number++) {
    const suffix = `.hauberk-backup-${time}${number === 0 ? '' : `.${number}`}`;
    try {
      copyFileSync(target, target + suffix, constants.COPYFILE_EXCL);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw error;
    }
    chownSync(target + suffix, uid, gid);
    chmodSync(target + suffix, mode & 0o7777);
    return target === host.at(path) ? path + suffix : target + suffix;
  }
}

function replaceFile(target: string, content: Buffer, mode: number | undefined): void {
  const former = statSync(target, { throwIfNoEntry: false });
  const temporary = join(dirname(target), `.${basename(target)}.hauberk-new-${process.pid}`);
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    for (let written = 0; written < content.length; ) written += writeSync(descriptor, content, written);
    if (former !== undefined) fchownSync(descriptor, former.uid, former.gid);
    fchmodSync(descriptor, mode ?? (former === undefined ? 0o644 : former.mode & 0o7777));
    fsyncSync(descriptor);
    renameSync(temporary, target);
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
