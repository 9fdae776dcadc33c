import { existsSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { rmdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Programs and maps of other builds, which stay in force until they are removed. */
export class ReplacedPins {
  constructor(
    readonly programsDirectory: string,
    /** The one that stays. */
    readonly build: string,
    readonly mapsDirectory: string,
    /** Names of the maps that stay. */
    readonly maps: ReadonlySet<string>,
  ) {}

  builds(): string[] {
    return readdirSync(this.programsDirectory).filter((other) => other !== this.build);
  }

  /** @param signal ends it after the program at hand; the next call continues */
  async remove(signal: AbortSignal): Promise<void> {
    for (const other of this.builds()) {
      const directory = join(this.programsDirectory, other);
      for (const name of readdirSync(directory)) {
        if (signal.aborted) return;
        await unlink(join(directory, name));
      }
      await rmdir(directory);
    }
    const maps = readdirSync(this.mapsDirectory).filter((map) => !this.maps.has(map));
    for (const map of maps) await unlink(join(this.mapsDirectory, map));
  }
}

/** Removes a directory of pins; a BPF file system knows no recursive removal of its own. */
export function removeDirectory(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) unlinkSync(join(directory, name));
  rmdirSync(directory);
}
