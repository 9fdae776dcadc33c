import { counted } from '../counted.js';
import type { statusView } from './views.js';

type StatusView = ReturnType<typeof statusView>;

/** Parts of the status of which each entry has a line. */
const LISTS = ['sources', 'warnings', 'missingHooks'];

/** Lines whose name in the API does not say enough. */
const LABELS: Readonly<Record<string, string>> = { adopted: 'took over running enforcement', images: 'policy images' };

/** The status for people: a line for each thing, its name first. */
export function statusTable(status: StatusView): string[][] {
  const { enforcing, reason, ...others } = status;
  return Object.entries({
    // First what is asked most often.
    enforcing,
    reason,
    ...others,
    // Their names are in JSON; here they would fill the screen.
    programs: `${status.programs.length} attached`,
    sources: status.sources.map(sourceText),
    missingHooks: status.missingHooks.map(missingHookText),
  }).flatMap(([name, value]) => {
    const words = LABELS[name] ?? name.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`);
    if (LISTS.includes(name)) return (value as string[]).map((line) => [words, line]);
    const text = Array.isArray(value) ? value.join(' ') : String(value);
    return text === '' ? [] : [[words, text]];
  });
}

function missingHookText({ hook, what, notCovered, reason }: StatusView['missingHooks'][number]): string {
  const uncovered = notCovered.map(({ class: ruleClass, operation }) => `${ruleClass.toLowerCase()} ${operation}`);
  const list = uncovered.length > 0 ? `: not covered: ${uncovered.join(', ')}` : '';
  return `${hook} (${what})${list}; ${reason.replaceAll('\n', '; ')}`;
}

function sourceText({ name, address, connected, reason, containers, whenUnanswered }: StatusView['sources'][number]) {
  const state = connected
    ? `connected, ${counted(containers, 'container')}`
    : `not connected${reason && `: ${reason}`}`;
  const unanswered = whenUnanswered && `, starts are ${whenUnanswered.toLowerCase()} when unanswered`;
  return `${name} at ${address}: ${state}${unanswered}`;
}
