import { readFileSync } from 'node:fs';

/** The lines of the blocks of shell commands on a page, in order. */
export function commandsOn(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^```sh\n(.*?)^```$/gmsu)].flatMap(([, block]) =>
    block!.trim().split('\n'),
  );
}
