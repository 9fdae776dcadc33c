import { fileURLToPath } from 'node:url';

// What the build makes is found from here, as a module of build/src and as a part of a program in build/program or of a test
// somewhere below build/test: so this module stays at the top of src, and no other looks beside itself.
const PROGRAM = new URL('.', import.meta.url);
const BUILD = directoryAbove(PROGRAM, 'build');

/** package.json, which stands above build/. */
export const PACKAGE_FILE = fileURLToPath(new URL('../package.json', BUILD));

/** A file of build/, by its path there. */
export function builtFile(path: string): string {
  return fileURLToPath(new URL(path, BUILD));
}

/** The program of a thread, by its path in src/ without the ending. */
export function threadProgram(path: string): string {
  return fileURLToPath(new URL(`${path}.js`, PROGRAM));
}

function directoryAbove(start: URL, name: string): URL {
  let directory = start;
  while (!directory.pathname.endsWith(`/${name}/`)) {
    const parent = new URL('..', directory);
    if (parent.pathname === directory.pathname)
      throw new Error(`there is no directory ${name} above ${start.pathname}`);
    directory = parent;
  }
  return directory;
}
