import type { LinkedDirectories } from '../links.js';

/** A path by the name that its top directory leads to; undefined where that is no link. */
export function throughLink(path: string, links: LinkedDirectories): string | undefined {
  const top = /^\/[^/]+(?=\/)/.exec(path)?.[0];
  const target = top === undefined ? undefined : links[top];
  return target === undefined ? undefined : target + path.slice(top!.length);
}
