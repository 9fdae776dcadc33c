import type { statusView } from './views.js';

type StatusView = ReturnType<typeof statusView>;

/** Parts of the status of which each entry has a line. */
const LISTS = ['sources', 'warnings', 'missingHooks'];

/** The status for people: a line for each thing, its name first. */
export function statusTable(status: StatusView): string[][] {
  return Object.entries({
    ...status,
    sources: status.sources.map(sourceText),
    missingHooks: status.missingHooks.map(missingHookText),
  }).flatMap(([name, value]) => {
    if (LISTS.includes(name)) return (value as string[]).map((line) => [name, line]);
    const text = Array.isArray(value) ? value.join(' ') : String(value);
    return text === '' ? [] : [[name, text]];
  });
}

function missingHookText({ hook, what, notCovered, reason }: StatusView['missingHooks'][number]): string {
  const uncovered = notCovered.map(({ class: ruleClass, operation }) => `${ruleClass.toLowerCase()} ${operation}`);
  return `${hook} (${what}): not covered: ${uncovered.join(', ')}; ${reason.replaceAll('\n', '; ')}`;
}

function sourceText({ name, address, connected, reason, containers, whenUnanswered }: StatusView['sources'][number]) {
  const state = connected ? `connected, ${containers} containers` : `not connected${reason && `: ${reason}`}`;
  const unanswered = whenUnanswered && `, starts are ${whenUnanswered.toLowerCase()} when unanswered`;
  return `${name} at ${address}: ${state}${unanswered}`;
}
