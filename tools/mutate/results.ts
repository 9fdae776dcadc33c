import type { Mutant } from './mutants.js';

/** `untested`: no unit test reaches the mutant. */
export type Result = 'killed' | 'survived' | 'untested';

export interface Judged {
  readonly mutant: Mutant;
  readonly result: Result;
}

/** The results as a table by file with a total, and the mutants that no test noticed. */
export function report(judged: readonly Judged[], total: number): string {
  const files = [...new Set(judged.map(({ mutant }) => mutant.source))].sort();
  const rows = files.map((file) =>
    rowOf(
      file,
      judged.filter(({ mutant }) => mutant.source === file),
    ),
  );
  const missed = judged.filter(({ result }) => result !== 'killed').sort(byPlace);
  return [
    '| file | tried | killed | survived | untested | score |',
    '|---|---:|---:|---:|---:|---:|',
    ...rows,
    rowOf('all', judged),
    '',
    ...missed.map(({ mutant: { source, line, change }, result }) => `${source}:${line}: ${result}: ${change}`),
    '',
    `${judged.length} of ${total} mutants were tried; score ${scoreOf(judged)} %`,
    '',
  ].join('\n');
}

/** The percentage of mutants that a test noticed, as an integer. */
export function scoreOf(judged: readonly Judged[]): number {
  return judged.length === 0 ? 100 : Math.floor((100 * count(judged, 'killed')) / judged.length);
}

function rowOf(name: string, judged: readonly Judged[]): string {
  const counts = (['killed', 'survived', 'untested'] as const).map((result) => count(judged, result));
  return `| ${[name, judged.length, ...counts, `${scoreOf(judged)} %`].join(' | ')} |`;
}

function count(judged: readonly Judged[], wanted: Result): number {
  return judged.filter(({ result }) => result === wanted).length;
}

function byPlace({ mutant: a }: Judged, { mutant: b }: Judged): number {
  return a.source === b.source ? a.line - b.line : a.source < b.source ? -1 : 1;
}
