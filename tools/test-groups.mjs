import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * Groups the test files below a directory of build/ by folder: writes files that each run a group in one process, and
 * prints their paths. To start Node.js and load the code takes longer than most of the tests.
 * Usage: node tools/test-groups.mjs DIRECTORY
 */

const GROUPS = 'build/test-groups';
/** A process has a time limit, and when a test hangs, the later ones of its process do not run. */
const FILES_MAX = 5;
/** Such hooks of a file would also run for the tests of all other files in its process. */
const HAS_HOOKS_FOR_ALL = /^import \{[^}]*\b(?:before|after)(?:Each)?\b[^}]*\} from 'node:test';$/mu;

const [place] = process.argv.slice(2);
const groups = new Map();
for (const name of readdirSync(place, { recursive: true, encoding: 'utf8' }).sort()) {
  if (!name.endsWith('.test.js')) continue;
  const file = join(place, name);
  // Files at the top test whole programs, and some load a bundle beside the modules in it.
  const isAlone = dirname(name) === '.' || HAS_HOOKS_FOR_ALL.test(readFileSync(file, 'utf8'));
  const group = (isAlone ? name.slice(0, -'.test.js'.length) : `${dirname(name)}-all`).replaceAll('/', '-');
  let part = 1;
  while (groups.get(`${group}-${part}`)?.length === FILES_MAX) part++;
  groups.set(`${group}-${part}`, [...(groups.get(`${group}-${part}`) ?? []), file]);
}
rmSync(GROUPS, { recursive: true, force: true });
mkdirSync(GROUPS, { recursive: true });
for (const [group, files] of groups) {
  const path = join(GROUPS, `${group}.test.js`);
  writeFileSync(path, files.map((file) => `import '${relative(GROUPS, file)}';\n`).join(''));
  console.log(path);
}
