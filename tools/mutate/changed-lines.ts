import { execFileSync } from 'node:child_process';

/** Lines of sources, counted from 1, that differ from a revision, by file. */
export function changedLines(revision: string): ReadonlyMap<string, ReadonlySet<number>> {
  const text = execFileSync('git', ['diff', '--unified=0', '--no-prefix', revision, '--', 'src'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  return linesOfDiff(text);
}

/** @param text a unified diff without context and without prefixes of paths */
export function linesOfDiff(text: string): ReadonlyMap<string, ReadonlySet<number>> {
  const changed = new Map<string, Set<number>>();
  let lines = new Set<number>();
  for (const line of text.split('\n')) {
    const file = /^\+\+\+ (src\/.*\.ts)$/u.exec(line)?.[1];
    if (file !== undefined) {
      lines = new Set();
      changed.set(file, lines);
    }
    const [, first, count = '1'] = /^@@ -\S+ \+(\d+)(?:,(\d+))? @@/u.exec(line) ?? [];
    if (first === undefined) continue;
    for (let offset = 0; offset < Number(count); offset++) lines.add(Number(first) + offset);
  }
  return changed;
}
