/** A pattern with more alternatives is not expanded. */
const ALTERNATIVES_MAX = 64;

/**
 * The patterns that a pattern with alternatives stands for, `/{bin,sbin}/ls` for two; the pattern itself where there are
 * none, or too many.
 */
export function alternativesIn(pattern: string): string[] {
  const whole: string[] = [];
  const left = [pattern];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const group = firstGroup(next);
    if (group === undefined) whole.push(next);
    else for (const each of group.alternatives) left.push(next.slice(0, group.start) + each + next.slice(group.end));
    if (whole.length + left.length > ALTERNATIVES_MAX) return [pattern];
  }
  return whole.reverse();
}

/** The first group of alternatives; undefined where there is none, or one that is not closed. */
function firstGroup(pattern: string): { start: number; end: number; alternatives: string[] } | undefined {
  let depth = 0;
  let start = 0;
  let from = 0;
  const alternatives: string[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '\\') at++;
    else if (character === '[') at = endOfClass(pattern, at);
    else if (character === '{' && depth++ === 0) start = from = at;
    else if (depth === 1 && (character === ',' || character === '}')) {
      alternatives.push(pattern.slice(from + 1, at));
      from = at;
    }
    if (character === '}' && depth > 0 && --depth === 0) return { start, end: at + 1, alternatives };
  }
  return undefined;
}

function endOfClass(pattern: string, start: number): number {
  const end = /^\[[!^]?\]?(?:\\.|[^\]\\])*\]/su.exec(pattern.slice(start));
  return end === null ? start : start + end[0].length - 1;
}
