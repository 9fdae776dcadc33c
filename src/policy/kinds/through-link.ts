import type { LinkedDirectories } from '../links.js';

/** As many as the kernel follows. */
const LINKS_MAX = 40;

/** A path, or what begins as one, by the name that the links on its way lead to; undefined where there is none. */
export function throughLink(path: string, links: LinkedDirectories): string | undefined {
  let here = path;
  let followed = 0;
  for (let end = endOfName(here, 0); end > 0; end = endOfName(here, end)) {
    const target = Object.hasOwn(links, here.slice(0, end)) ? links[here.slice(0, end)] : undefined;
    if (target === undefined) continue;
    if (++followed > LINKS_MAX) return undefined;
    here = (target === '/' ? '' : target) + here.slice(end);
    end = 0;
  }
  return followed === 0 || here === '' ? undefined : here;
}

/** Where the name ends that begins behind the slash at `start`; 0 where there is none. */
function endOfName(path: string, start: number): number {
  if (start + 1 >= path.length) return 0;
  const end = path.indexOf('/', start + 1);
  return end === -1 ? path.length : end;
}
