import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { changedLines } from './changed-lines.js';
import { type Coverage, coverageOf } from './coverage.js';
import { ImportGraph } from './import-graph.js';
import { builtOf, type Mutant, mutantsOf, mutate } from './mutants.js';
import { type Judged, type Result, report } from './results.js';
import { copyTree, runTest } from './test-run.js';

/** Puts small faults into built files and counts those that the unit tests notice: see tools/mutate/run. */

const STANDARD_PLACES = ['src/control', 'src/containers', 'src/store', 'src/daemon.ts'];
const TESTS = 'build/test/unit';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    since: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
  },
});
const end = performance.now() + Number(values.minutes) * 60_000;
const places = positionals.length > 0 ? positionals : STANDARD_PLACES;
const sources = places.flatMap((place) => filesBelow(place, '.ts'));
const changed = values.since === undefined ? undefined : changedLines(values.since);
const mutants = sources
  .filter((source) => changed === undefined || changed.has(source))
  .flatMap((source) => mutantsOf(source))
  .filter(({ source, line }) => changed === undefined || changed.get(source)!.has(line));

const directory = mkdtempSync(join(tmpdir(), 'hauberk-mutate-'));
try {
  const trees = Array.from({ length: Number(values.jobs) }, (_, number) => join(directory, String(number)));
  for (const tree of trees) copyTree(tree);
  const built = [...new Set(mutants.map(({ source }) => builtOf(source)))];
  const tests = testsOf(built);
  const coverages = new Map<string, Coverage>();
  await inTrees(trees, [...tests.keys()], Number.POSITIVE_INFINITY, async (tree, test) => {
    const coverage = await coverageOf(tree, test, built);
    if (coverage === undefined) process.stderr.write(`left out, since it fails without a fault: ${test}\n`);
    else coverages.set(test, coverage);
  });
  process.stderr.write(`${mutants.length} mutants, ${coverages.size} test files\n`);
  const judged: Judged[] = [];
  // In a random order, so that what is tried when the time is up stands for the rest.
  await inTrees(trees, shuffled(mutants, Number(values.seed)), end, async (tree, mutant) => {
    judged.push({ mutant, result: await judge(tree, mutant, tests, coverages) });
  });
  process.stdout.write(report(judged, mutants.length));
} finally {
  rmSync(directory, { recursive: true });
}

/** Test files that import one of these, with the distances of all that each imports. */
function testsOf(files: readonly string[]): Map<string, ReadonlyMap<string, number>> {
  const graph = new ImportGraph();
  const distances = filesBelow(TESTS, '.test.js').map((test) => [test, graph.distancesFrom(test)] as const);
  return new Map(distances.filter(([, found]) => files.some((file) => found.has(file))));
}

/** Does work in each tree, one piece at a time, until the time is up. */
async function inTrees<Piece>(
  trees: readonly string[],
  pieces: readonly Piece[],
  until: number,
  work: (tree: string, piece: Piece) => Promise<void>,
): Promise<void> {
  const left = pieces.values();
  await Promise.all(
    trees.map(async (tree) => {
      // All take from one iterator, so each piece is taken once.
      for (const piece of left) {
        if (performance.now() > until) return;
        await work(tree, piece);
      }
    }),
  );
}

async function judge(
  tree: string,
  mutant: Mutant,
  tests: ReadonlyMap<string, ReadonlyMap<string, number>>,
  coverages: ReadonlyMap<string, Coverage>,
): Promise<Result> {
  const file = builtOf(mutant.source);
  const distance = (test: string) => tests.get(test)!.get(file) ?? Number.POSITIVE_INFINITY;
  // Nearest first: the tests of a file itself are the likeliest to notice.
  const running = [...coverages]
    .filter(([, coverage]) => coverage.runs(file, mutant.start))
    .sort(([a, { milliseconds: left }], [b, { milliseconds: right }]) => distance(a) - distance(b) || left - right);
  if (running.length === 0) return 'untested';
  const code = readFileSync(join(tree, file), 'utf8');
  writeFileSync(join(tree, file), mutate(code, mutant));
  try {
    for (const [test, { milliseconds }] of running) {
      // A machine may be loaded; a mutant that loops is found out all the same.
      if ((await runTest(tree, test, 5000 + 4 * milliseconds)) !== 'passed') return 'killed';
    }
    return 'survived';
  } finally {
    writeFileSync(join(tree, file), code);
  }
}

/** The same order for the same seed: a generator of random numbers (mulberry32) draws for each place. */
function shuffled<Item>(items: readonly Item[], seed: number): Item[] {
  const order = [...items];
  let state = seed;
  for (let last = order.length - 1; last > 0; last--) {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    const other = ((mixed ^ (mixed >>> 14)) >>> 0) % (last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}

function filesBelow(place: string, ending: string): string[] {
  if (!statSync(place).isDirectory()) return [place];
  return readdirSync(place, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(place, name))
    .sort();
}
