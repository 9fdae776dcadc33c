import { fileURLToPath } from 'node:url';

// What the build makes is found from here, both as a module of build/src and as a part of a program in build/program:
// so this module stays at the top of src, and no other looks beside itself.
const PROGRAM = new URL('.', import.meta.url);
const BUILD = new URL('..', PROGRAM);

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
