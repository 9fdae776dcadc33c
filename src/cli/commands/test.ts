import { writeFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { RunSuite } from '../../policy-test/suite.js';
import { printable } from '../../printable.js';
import { CommandFailure, EXIT } from '../exit-status.js';
import { fileProblem } from '../file-problem.js';
import { withExamples } from '../help.js';
import { filesAt, isCases, isManifest } from '../manifest-files.js';
import { coloured } from '../output.js';
import { terminal } from '../terminal.js';

interface Options {
  readonly junit?: string;
  readonly coverage?: boolean;
  readonly minimumCoverage?: number;
  readonly verbose?: boolean;
}

const TEST_HELP = `
A case file is called NAME.test.yaml:

  policies: [web.yaml]              # relative to this file; all manifests beside and below it when left out
  postures: {file: block}           # of process, file, network, capabilities; audit unless given here
  cases:
    - name: nobody reads passwords  # may be left out
      container: {namespace: default, labels: {app: web}}   # or {host: true, labels: {...}}
      program: /bin/cat
      operation: read               # operations and objects are those of hauberk explain
      object: /etc/shadow
      expect: {action: block, rule: default/web file.matchPaths[0]}   # rule: or only a policy, or posture, or nothing

Further fields: in container, links: {/bin: /usr/bin}, if top directories are links; in a case, parentProgram, newPath,
filesystem, notOwner, terminal, arguments, and for communicate
socket: {type, direction, address, port, name, family, protocol}; in expect, wouldBlock.
The exit status is 0 if every case passed, and 1 if one failed or the coverage is too low.`;

export function addTest(program: Command): void {
  withExamples(
    program
      .command('test')
      .description('test policies against cases, without a daemon: what is decided, and by which rule')
      .argument('<place...>', 'case files, or directories with all case files below them')
      .option('--junit <file>', 'also write the results to this file, as JUnit XML')
      .option('--coverage', 'list the rules that decided no case')
      .option('--minimum-coverage <percent>', 'fail if less than this share of the rules decided a case', percent)
      .option('-v, --verbose', 'list the cases that passed as well')
      .addHelpText('after', TEST_HELP),
    [
      ['hauberk test policies/', 'all case files in a directory'],
      ['hauberk test policies/ --junit results.xml --minimum-coverage 80', 'in continuous integration'],
    ],
  ).action(async (places: string[], options: Options) => {
    const { runSuite } = await import('../../policy-test/suite.js');
    const files = places.flatMap((place) => filesAt(place, isCases));
    if (files.length === 0)
      throw new CommandFailure(EXIT.refused, `no files of cases (NAME.test.yaml) in ${places.join(', ')}`);
    const suites: RunSuite[] = [];
    for (const file of files) {
      const suite = await runSuite(file, (place) => filesAt(place, isManifest));
      for (const result of suite.results) print(file, result, options);
      suites.push(suite);
    }
    if (options.junit !== undefined) {
      const { junitOf } = await import('../../policy-test/junit.js');
      writeResults(options.junit, junitOf(suites));
    }
    await summarize(suites, options);
  });
}

function writeResults(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new CommandFailure(EXIT.failed, fileProblem(error));
  }
}

function print(file: string, { name, line, problems }: RunSuite['results'][number], { verbose }: Options): void {
  if (problems.length === 0) {
    if (verbose) terminal().out(`${coloured('green', 'ok')}    ${printable(name)}\n`);
    return;
  }
  terminal().out(`${coloured('red', 'FAILED')} ${file}:${line}: ${printable(name)}\n`);
  for (const problem of problems) terminal().out(`       ${printable(problem)}\n`);
}

async function summarize(suites: readonly RunSuite[], { coverage, minimumCoverage }: Options): Promise<void> {
  const { coverageOf, percentOf } = await import('../../policy-test/coverage.js');
  const results = suites.flatMap((suite) => suite.results);
  const failures = results.filter(({ problems }) => problems.length > 0).length;
  const policies = new Map(suites.flatMap((suite) => suite.policies).map((policy) => [JSON.stringify(policy), policy]));
  const covered = coverageOf(
    [...policies.values()],
    results.map(({ decidedBy }) => decidedBy),
  );
  const share = percentOf(covered);
  if (coverage) for (const rule of covered.undecided) terminal().out(`no case is decided by ${rule}\n`);
  const decided = `${covered.rules - covered.undecided.length} of ${covered.rules} rules have decided one`;
  terminal().out(`${results.length} cases, ${failures} failed; ${decided} (${share.toFixed(0)} %)\n`);
  const tooLittle = minimumCoverage !== undefined && share < minimumCoverage;
  if (tooLittle) terminal().err(`hauberk: fewer than ${minimumCoverage} % of the rules have decided a case\n`);
  if (failures > 0 || tooLittle) terminal().exitStatus = EXIT.refused;
}

function percent(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && number >= 0 && number <= 100) return number;
  throw new InvalidArgumentError('must be a number from 0 to 100');
}
