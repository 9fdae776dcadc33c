import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Checks the links of all pages below a directory. Usage: node build/tools/links.js DIRECTORY */

/** The anchor that GitHub gives a heading. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/gu, '-');

export const anchorsOf = (page: string) =>
  [...readFileSync(page, 'utf8').matchAll(/^#+ (.+)$/gmu)].map(([, heading]) =>
    anchorOf(heading!.replaceAll(/[`*]/gu, '')),
  );

/** The links of a page to files that do not exist, or to headings that they do not have. */
export function deadLinks(page: string): string[] {
  const links = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/gu)].map(([, target]) => target!);
  return links.filter((target) => {
    if (/^[a-z]+:/u.test(target)) return false;
    const [path, anchor] = target.split('#') as [string, string?];
    const file = path === '' ? page : join(dirname(page), path);
    if (!existsSync(file)) return true;
    return anchor !== undefined && file.endsWith('.md') && !anchorsOf(file).includes(anchor);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const directory = process.argv[2]!;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.md')) continue;
    for (const target of deadLinks(join(directory, name))) {
      console.error(`${name} links to ${target}, which is not there`);
      process.exitCode = 1;
    }
  }
}
