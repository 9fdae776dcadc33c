import type { LinkedDirectories } from '../links.js';

/** As many as the kernel follows. */
const LINKS_MAX = 40;

/** A path, or what begins as one, by the name that the links on its way lead to; undefined where there is none. */
export function throughLink(path: string, links: LinkedDirectories): string | undefined {
  return wayThrough(path, links)?.path;
}

/** The names of the links on the way of a path, each as it is reached; none where they lead nowhere. */
export function linksOnWay(path: string, links: LinkedDirectories): readonly string[] {
  return wayThrough(path, links)?.names ?? [];
}

function wayThrough(path: string, links: LinkedDirectories): { path: string; names: readonly string[] } | undefined {
  let here = path;
  const names: string[] = [];
  for (let end = endOfName(here, 0); end > 0; end = endOfName(here, end)) {
    const name = here.slice(0, end);
    const target = Object.hasOwn(links, name) ? links[name] : undefined;
    if (target === undefined) continue;
    names.push(name);
    if (names.length > LINKS_MAX) return undefined;
    here = (target === '/' ? '' : target) + here.slice(end);
    end = 0;
  }
  return names.length === 0 || here === '' ? undefined : { path: here, names };
}

/** Where the name ends that begins behind the slash at `start`; 0 where there is none. */
function endOfName(path: string, start: number): number {
  if (start + 1 >= path.length) return 0;
  const end = path.indexOf('/', start + 1);
  return end === -1 ? path.length : end;
}
