import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { builtOf, instrument } from './mutants.js';

const TOOLS = 'build/tools/mutate';

/** Copies the tree, with all mutants in the built files, to be activated one at a time; other files are unchanged. */
export function copyTree(directory: string, sources: readonly string[]): void {
  mkdirSync(join(directory, 'build'), { recursive: true });
  mkdirSync(join(directory, 'tmp'));
  for (const name of readdirSync('.')) {
    if (name !== 'build') symlinkSync(join(process.cwd(), name), join(directory, name));
  }
  for (const name of readdirSync('build')) {
    const [from, to] = [join(process.cwd(), 'build', name), join(directory, 'build', name)];
    if (name === 'src' || name === 'test') cpSync(from, to, { recursive: true });
    else symlinkSync(from, to);
  }
  for (const source of sources) {
    const file = builtOf(source);
    const code = instrument(readFileSync(file, 'utf8'), source, join(relative(dirname(file), TOOLS), 'switch.js'));
    writeFileSync(join(directory, file), code);
  }
  for (const name of readdirSync('build/test', { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.js')) continue;
    const file = join('build/test', name);
    const code = readFileSync(file, 'utf8');
    const cases = join(relative(dirname(file), TOOLS), 'cases.js');
    writeFileSync(
      join(directory, file),
      code.replace(/from 'node:test'/gu, () => `from '${cases}'`),
    );
  }
}
