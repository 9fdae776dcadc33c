import { readFileSync, writeFileSync } from 'node:fs';
import { FIGURE_NAMES, type FigureName, figureLine } from './figures.js';
import { GROUPS, virtualMachine } from './groups.js';
import { type Options, readOptions, USAGE } from './options.js';
import { conditions, rewriteTable } from './report.js';
import { progress } from './support/progress.js';

const PAGE = 'docs/performance.md';

/** Measures what was requested; when a group fails the others are still measured. */
async function measure({ only, quick }: Options): Promise<Map<FigureName, number>> {
  const values = new Map<FigureName, number>();
  const wants = (name: FigureName) => only.test(name);
  for (const group of GROUPS.filter(({ figures }) => figures.some(wants))) {
    try {
      await group.measure({ quick, wants }, (name, value) => {
        if (!wants(name)) return;
        values.set(name, value);
        process.stdout.write(`${figureLine(name, value)}\n`);
      });
    } catch (error) {
      progress((error as Error).stack ?? String(error));
    }
  }
  return values;
}

async function run(options: Options): Promise<void> {
  const values = await measure(options);
  const missing = FIGURE_NAMES.filter((name) => options.only.test(name) && !values.has(name));
  if (missing.length > 0) {
    progress(`could not measure ${missing.join(', ')}`);
    process.exitCode = 1;
  }
  if (options.complete) {
    writeFileSync(
      PAGE,
      rewriteTable(readFileSync(PAGE, 'utf8'), values, conditions('npm run bench', virtualMachine.kernel)),
    );
    progress(`rewrote the table in ${PAGE}`);
  }
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') process.stdout.write(USAGE);
  else await run(options);
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}
