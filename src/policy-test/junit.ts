import type { CaseResult } from './run.js';

/** The cases of one file and their results. */
export interface Suite {
  readonly file: string;
  readonly results: readonly CaseResult[];
}

/** Results as JUnit XML for continuous integration: a suite for each file. */
export function junitOf(suites: readonly Suite[]): string {
  const all = suites.flatMap(({ results }) => results);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="hauberk test" ${countsOf(all)}>`,
    ...suites.flatMap(({ file, results }) => [
      `  <testsuite name="${escaped(file)}" ${countsOf(results)}>`,
      ...results.map((result) => caseOf(file, result)),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

function countsOf(results: readonly CaseResult[]): string {
  return `tests="${results.length}" failures="${results.filter(({ problems }) => problems.length > 0).length}"`;
}

function caseOf(file: string, { name, line, problems }: CaseResult): string {
  const head = `    <testcase classname="${escaped(file)}" name="${escaped(name)}" file="${escaped(file)}" line="${line}"`;
  const [first] = problems;
  if (first === undefined) return `${head}/>`;
  return `${head}><failure message="${escaped(first)}">${escaped(problems.join('\n'))}</failure></testcase>`;
}

/** Characters that XML does not allow are left out; a new line in an attribute would become a space. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
