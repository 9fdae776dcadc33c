import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { putProgram } from '../images.js';

/** Built from test/support/first-access.c by tools/build. */
const PROGRAM = 'build/test/support/first-access';
export const FIRST_ACCESS = '/first-access';
/** What the program accesses by default. */
export const FORBIDDEN = { file: '/etc/shadow', program: '/bin/forbidden' };

/** The bits of the program's exit status. */
const BITS = { file: 1, program: 2, socket: 4, unexpected: 8 } as const;

/** The accesses that succeeded, by the exit status of the entry point. */
export function accessesThrough(status: number): string[] {
  return Object.entries(BITS).flatMap(([name, bit]) => ((status & bit) === 0 ? [] : [name]));
}

/** Hands a directory with the files of an image to `use`; unlike the host's, its /usr is not merged. */
export async function withFirstAccessRoot(use: (root: string) => Promise<void>): Promise<void> {
  await withRoot([FORBIDDEN.program], {}, use);
}

/**
 * The same for an image whose /bin links elsewhere than the host's, so that a rule that is resolved by the host's links
 * misses it; its /bin/sh, a link on the host, is a program.
 */
export async function withOtherLinksRoot(use: (root: string) => Promise<void>): Promise<void> {
  await withRoot(['/usr/programs/sh'], { '/bin': 'usr/programs' }, use);
}

async function withRoot(
  programs: readonly string[],
  links: Readonly<Record<string, string>>,
  use: (root: string) => Promise<void>,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'hauberk-root-'));
  try {
    for (const directory of ['etc', 'proc', 'sys', 'dev', 'tmp']) mkdirSync(join(root, directory));
    writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
    writeFileSync(join(root, FORBIDDEN.file), 'root:not-a-real-hash:19000:0:99999:7:::\n');
    for (const path of [FIRST_ACCESS, ...programs]) putProgram(root, path, PROGRAM);
    for (const [path, target] of Object.entries(links)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      symlinkSync(target, join(root, path));
    }
    await use(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}
