import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Which built files import each other, statically or lazily, or start as threads. Paths are relative to the working directory. */
export class ImportGraph {
  readonly #imports = new Map<string, readonly string[]>();

  /** How many imports lead from a file to each that it imports, directly or through others. */
  distancesFrom(file: string): ReadonlyMap<string, number> {
    const distances = new Map([[file, 0]]);
    // Files are visited in the order in which they are found, so nearer ones come first.
    for (const [each, distance] of distances) {
      for (const imported of this.#importsOf(each)) {
        if (!distances.has(imported)) distances.set(imported, distance + 1);
      }
    }
    return distances;
  }

  #importsOf(file: string): readonly string[] {
    let imports = this.#imports.get(file);
    if (imports === undefined) {
      const text = readFileSync(file, 'utf8');
      const names = text.matchAll(/(?:from|import\(?|new URL\()\s*['"](\.[^'"]+\.js)['"]/gu);
      imports = Array.from(names, ([, name]) => join(dirname(file), name!));
      const threads = text.matchAll(/threadProgram\('([^']+)'\)/gu);
      imports = [...imports, ...Array.from(threads, ([, name]) => `build/src/${name}.js`)].filter((path) =>
        existsSync(path),
      );
      this.#imports.set(file, imports);
    }
    return imports;
  }
}
