import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { IntakeCounts } from '../control/intake-counts.js';
import type { SourceLogger } from './source.js';

const NAME = 'starts-without-protection.jsonl';
/** The hook writes no more than a line above a mebibyte. */
const BYTES_MAX = 2 * 1024 * 1024;

/**
 * Logs the containers that the hook let start without protection, from its records in the daemon's state directory, and
 * clears these.
 */
export function reportStartsWithoutProtection(
  stateDirectory: string,
  counts: IntakeCounts,
  logger: SourceLogger,
): void {
  const path = join(stateDirectory, NAME);
  const taken = `${path}.taken`;
  try {
    // Renamed first, so that what a hook adds from now on begins a new file. One may be left by a daemon that was
    // killed.
    if (!existsSync(taken)) renameSync(path, taken);
    for (const line of linesOf(taken)) {
      counts.startsWithoutProtection++;
      logger.warn({ start: parse(line) }, 'a container has started without protection, as its hook has recorded');
    }
    rmSync(taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    const reason = (error as Error).message;
    logger.warn({ path, reason }, 'cannot read which containers started without protection');
  }
}

function linesOf(path: string): string[] {
  const text = readFileSync(path).subarray(0, BYTES_MAX).toString('utf8');
  return text.split('\n').filter((line) => line !== '');
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}
