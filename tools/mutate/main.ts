import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { changedLines } from './changed-lines.js';
import { type Coverage, Coverages, runs } from './coverage.js';
import { ImportGraph } from './import-graph.js';
import { builtOf, type Mutant, mutantsOf, mutate } from './mutants.js';
import { type Judged, type Result, report } from './results.js';
import { copyTree, runTest } from './test-run.js';

/** Puts small faults into built files and counts those that the unit tests notice: see tools/mutate/run. */

const STANDARD_PLACES = [
  'src/control',
  'src/containers',
  'src/store',
  'src/daemon.ts',
  'src/assembly.ts',
  'src/event-flow.ts',
];
const TESTS = 'build/test/unit';
/** A test file that takes longer is not run again for each fault. */
const SLOW_MILLISECONDS = 20_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    since: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    tests: { type: 'string', default: '8' },
  },
});
const end = performance.now() + Number(values.minutes) * 60_000;
const places = positionals.length > 0 ? positionals : STANDARD_PLACES;
const changed = values.since === undefined ? undefined : changedLines(values.since);
const mutants = places
  .flatMap((place) => {
    const [path, line] = place.split(':') as [string, string?];
    const found = filesBelow(path, '.ts').filter((source) => changed === undefined || changed.has(source));
    return found.flatMap(mutantsOf).filter((mutant) => line === undefined || mutant.line === Number(line));
  })
  .filter(({ source, line }) => changed === undefined || changed.get(source)!.has(line));

const directory = mkdtempSync(join(tmpdir(), 'hauberk-mutate-'));
try {
  const trees = Array.from({ length: Number(values.jobs) }, (_, number) => join(directory, String(number)));
  for (const tree of trees) copyTree(tree);
  // Mutants stand in the other trees while it finds out what a test runs.
  const whole = join(directory, 'whole');
  copyTree(whole);
  const graph = new ImportGraph();
  const nearest = nearestTests(graph, Number(values.tests));
  const coverages = new Coverages(graph, (test) =>
    process.stderr.write(`left out, since it fails without a fault: ${test}\n`),
  );
  const judged: Judged[] = [];
  // In a random order, so that what is tried when the time is up stands for the rest.
  await inTrees(trees, shuffled(mutants, Number(values.seed)), async (tree, mutant) => {
    const tests = nearest(builtOf(mutant.source));
    const result = await judge(tree, mutant, tests, (test) => coverages.of(whole, test));
    if (result !== undefined) judged.push({ mutant, result });
  });
  process.stdout.write(report(judged, mutants.length));
} finally {
  rmSync(directory, { recursive: true });
}

/** Finds the test files that import a file, the nearest first: the tests of the file itself are the likeliest to notice. */
function nearestTests(graph: ImportGraph, most: number): (file: string) => readonly string[] {
  const tests = filesBelow(TESTS, '.test.js').map((test) => ({ test, distances: graph.distancesFrom(test) }));
  return (file) =>
    tests
      .flatMap(({ test, distances }) => (distances.has(file) ? [{ test, distance: distances.get(file)! }] : []))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, most)
      .map(({ test }) => test);
}

/** Does work in each tree, one piece at a time, until the time is up. */
async function inTrees<Piece>(
  trees: readonly string[],
  pieces: readonly Piece[],
  work: (tree: string, piece: Piece) => Promise<void>,
): Promise<void> {
  const left = pieces.values();
  await Promise.all(
    trees.map(async (tree) => {
      // All take from one iterator, so each piece is taken once.
      for (const piece of left) {
        if (performance.now() > end) return;
        await work(tree, piece);
      }
    }),
  );
}

/** Undefined where the time is up before it is known. */
async function judge(
  tree: string,
  mutant: Mutant,
  tests: readonly string[],
  coverageOf: (test: string) => Promise<Coverage | undefined>,
): Promise<Result | undefined> {
  const file = builtOf(mutant.source);
  const code = readFileSync(join(tree, file), 'utf8');
  let result: Result | undefined = 'untested';
  writeFileSync(join(tree, file), mutate(code, mutant));
  for (const test of tests) {
    if (performance.now() > end) {
      result = undefined;
      break;
    }
    const coverage = await coverageOf(test);
    if (coverage === undefined || coverage.milliseconds > SLOW_MILLISECONDS) continue;
    if (!runs(coverage, file, mutant.start)) continue;
    result = 'survived';
    // A machine may be loaded; a mutant that loops is found out all the same.
    if ((await runTest(tree, test, 5000 + 4 * coverage.milliseconds)) === 'passed') continue;
    result = 'killed';
    break;
  }
  writeFileSync(join(tree, file), code);
  return result;
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
