import { isWithin, type MountedPlace, mountAt } from './mounts.js';

/**
 * Other names of paths, or of what is below them, that a process has by other mounts, such as a volume that is mounted
 * twice.
 *
 * @param mounts of the process
 * @param places paths without links on their way, and without a slash at the end
 * @returns by place the first of its other names
 */
export function mountAliases(mounts: readonly MountedPlace[], places: Iterable<string>): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const place of places) {
    const name = otherName(mounts, place);
    if (name !== undefined) names.set(place, name);
  }
  return names;
}

function otherName(mounts: readonly MountedPlace[], place: string): string | undefined {
  const own = mountAt(mounts, place);
  if (own === undefined) return undefined;
  const tree = own.root + place.slice(own.place.length);
  for (const mount of mounts) {
    if (mount.device !== own.device || mount.place === own.place) continue;
    if (isWithin(tree, mount.root)) return mount.place + tree.slice(mount.root.length) || '/';
    if (isWithin(mount.root, tree)) return mount.place || '/';
  }
  return undefined;
}
