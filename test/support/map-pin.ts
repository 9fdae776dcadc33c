import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The path of a map's pin, whose name ends in a digest of the map's sizes. */
export function pinOfMap(pinDirectory: string, map: string): string {
  const maps = join(pinDirectory, 'maps');
  const [name] = readdirSync(maps).filter((each) => isPinOf(map, each));
  if (name === undefined) throw new Error(`${map} is not pinned in ${maps}`);
  return join(maps, name);
}

export function isPinOf(map: string, name: string): boolean {
  return name.replace(/-[0-9a-f]{8}$/u, '') === map;
}
