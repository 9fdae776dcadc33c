/**
 * Puts the client and every module that it imports into a package. Usage: node tools/release/client-package.mjs DIRECTORY VERSION
 */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const [directory, version] = process.argv.slice(2);
const BUILT = 'build/src';
const { dependencies, license, engines } = JSON.parse(readFileSync('package.json', 'utf8'));
/** An import or a re-export, over several lines too. */
const IMPORT = /^(?:import|export) (?:[^'"`;(]* from )?['"]([^'"]+)['"]/gmu;
const imported = new Set();
const seen = new Set();

/** Copies a module with its types, and then what it imports. */
function take(file) {
  if (seen.has(file)) return;
  seen.add(file);
  for (const each of [file, file.replace(/\.js$/u, '.d.ts')]) {
    const target = join(directory, 'dist', relative(BUILT, each));
    mkdirSync(dirname(target), { recursive: true });
    // Source maps would refer to files that are not in the package.
    writeFileSync(target, readFileSync(each, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\n?$/u, '\n'));
    for (const [, name] of readFileSync(each, 'utf8').matchAll(IMPORT)) {
      if (name.startsWith('.')) take(join(dirname(each), name));
      else if (!name.startsWith('node:')) imported.add(name.match(/^(?:@[^/]+\/)?[^/]+/u)[0]);
    }
  }
}

take(`${BUILT}/client/index.js`);
cpSync('proto/hauberk', join(directory, 'proto/hauberk'), { recursive: true });
writeFileSync(
  join(directory, 'package.json'),
  `${JSON.stringify(
    {
      name: '@hauberk/client',
      version,
      description: 'Typed client of hauberkd, the runtime enforcement agent',
      license,
      type: 'module',
      engines,
      exports: { '.': { types: './dist/client/index.d.ts', default: './dist/client/index.js' } },
      files: ['dist', 'proto'],
      sideEffects: false,
      dependencies: Object.fromEntries(
        [...imported].sort().map((name) => {
          if (dependencies[name] === undefined)
            throw new Error(`the client imports ${name}, which is not a dependency`);
          return [name, `^${dependencies[name]}`];
        }),
      ),
    },
    undefined,
    2,
  )}\n`,
);
