import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { changedLines } from './changed-lines.js';
import { Coverages } from './coverage.js';
import { ImportGraph } from './import-graph.js';
import { Judge } from './judge.js';
import { builtOf, mutantsOf } from './mutants.js';
import { type Judged, report } from './results.js';
import { RunnerProcess } from './runner-process.js';
import { copyTree } from './tree.js';

/** Introduces small faults into built files and counts those that the unit tests notice: see tools/mutate/run. */

const DEFAULT_TARGETS = [
  'src/control',
  'src/containers',
  'src/sources',
  'src/store',
  'src/daemon.ts',
  'src/assembly.ts',
  'src/container-sources.ts',
  'src/daemon-metrics.ts',
  'src/daemon-reports.ts',
  'src/earlier-programs.ts',
  'src/enforcing.ts',
  'src/observation.ts',
  'src/closers.ts',
  'src/host-check.ts',
  'src/kubearmor.ts',
  'src/notifier.ts',
  'src/service-manager.ts',
  'src/start-daemon.ts',
  'src/event-flow.ts',
  'src/telemetry-flow.ts',
];
const TESTS = 'build/test/unit';

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
const targets = positionals.length > 0 ? positionals : DEFAULT_TARGETS;
const changed = values.since === undefined ? undefined : changedLines(values.since);
const sources = [
  ...new Set([...DEFAULT_TARGETS, ...targets].flatMap((target) => filesBelow(target.split(':')[0]!, '.ts'))),
];
const mutants = targets
  .flatMap((target) => {
    const [path, line] = target.split(':') as [string, string?];
    const found = filesBelow(path, '.ts').filter((source) => changed === undefined || changed.has(source));
    return found.flatMap(mutantsOf).filter((mutant) => line === undefined || mutant.line === Number(line));
  })
  .filter(({ source, line }) => changed === undefined || changed.get(source)!.has(line));

// Short, since paths of sockets are limited and tests create sockets below it.
const directory = mkdtempSync(join(tmpdir(), 'hm-'));
const runners: RunnerProcess[] = [];
let timer: NodeJS.Timeout | undefined;
try {
  const graph = new ImportGraph();
  const testsOf = testsByLikelihood(graph);
  const coverages = new Coverages(sources, (test) =>
    process.stderr.write(`cases that fail without a mutant are left out: ${test}\n`),
  );
  const judges = Array.from({ length: Number(values.jobs) }, (_, number) => {
    const tree = join(directory, String(number));
    copyTree(tree, sources);
    const runner = new RunnerProcess(tree);
    runners.push(runner);
    return new Judge(runner, coverages, Number(values.tests));
  });
  const isOver = () => performance.now() > end;
  const judged: Judged[] = [];
  timer = setTimeout(() => {
    for (const runner of runners) runner.stop();
  }, end - performance.now());
  // In random order, so that what was tried when the time is up is a fair sample.
  const left = shuffled(mutants, Number(values.seed)).values();
  await Promise.all(
    judges.map(async (judge) => {
      // All judges share one iterator, so each mutant is tried once.
      for (const mutant of left) {
        if (isOver()) return;
        const result = await judge.judge(mutant, testsOf(builtOf(mutant.source)), isOver);
        if (result !== undefined) judged.push({ mutant, result });
      }
    }),
  );
  process.stdout.write(report(judged, mutants.length));
} finally {
  clearTimeout(timer);
  for (const runner of runners) runner.stop();
  rmSync(directory, { recursive: true, maxRetries: 3 });
}

/** Orders the test files that import a file, the likeliest to notice a mutant first: by name, folder and imports. */
function testsByLikelihood(graph: ImportGraph): (file: string) => readonly string[] {
  const tests = filesBelow(TESTS, '.test.js').map((test) => ({ test, distances: graph.distancesFrom(test) }));
  return (file) => {
    const own = file.replace(/^build\/src\//u, `${TESTS}/`).replace(/\.js$/u, '.test.js');
    const strangeness = (test: string) => (test === own ? 0 : dirname(test) === dirname(own) ? 1 : 2);
    return tests
      .flatMap(({ test, distances }) => (distances.has(file) ? [{ test, distance: distances.get(file)! }] : []))
      .sort((a, b) => strangeness(a.test) - strangeness(b.test) || a.distance - b.distance)
      .map(({ test }) => test);
  };
}

/** Shuffles by a pseudo-random generator (mulberry32): the same order for the same seed. */
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

function filesBelow(target: string, ending: string): string[] {
  if (!statSync(target).isDirectory()) return [target];
  return readdirSync(target, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(target, name))
    .sort();
}
