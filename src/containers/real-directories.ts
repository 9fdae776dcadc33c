import { lstatSync } from 'node:fs';

/**
 * Whether each part of a path that a slash follows is a directory itself, and none a symbolic link, which could lead out of
 * the root. False also where a part cannot be looked up.
 *
 * @param root where the root directory of the path lies
 */
export function leadsThroughDirectories(root: string, path: string): boolean {
  try {
    for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1))
      if (!lstatSync(root + path.slice(0, end)).isDirectory()) return false;
    return true;
  } catch {
    return false;
  }
}
