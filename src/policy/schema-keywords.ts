import { quote } from './finding.js';
import type { ValueCheckName } from './value-checks.js';
import { VALUE_CHECKS } from './value-checks.js';

/** What the keywords of our own in the schema of policies do: see manifest-schema.ts. */

/** The keyword `check`: what is wrong with a value; undefined when nothing is. */
export function checkProblem(name: ValueCheckName, value: string | number): string | undefined {
  return VALUE_CHECKS[name](String(value));
}

interface Choice {
  readonly names: readonly string[];
  readonly needed: boolean;
}

/** The keyword `choice`: the field that is missing or too many, and a sentence on it; undefined when one was chosen. */
export function choiceProblem(
  { names, needed }: Choice,
  value: Readonly<Record<string, unknown>>,
): { readonly field: string; readonly message: string } | undefined {
  const given = names.filter((name) => value[name] != null);
  if (given.length === 1 || (given.length === 0 && !needed)) return undefined;
  const field = given[1] ?? names[0]!;
  if (given.length > 0) return { field, message: `stands beside \`${given[0]}\`: only one of the two may` };
  const [first, ...others] = names;
  if (others.length === 0) return { field, message: missingSentence(first!) };
  return { field, message: `missing one of ${names.map(quote).join(', ')}` };
}

export function missingSentence(field: string): string {
  return `missing required field \`${field}\``;
}

/** The keyword `unsupported`: whether a value is empty; generators write such sections. */
export function isEmptyValue(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).every(isEmptyValue);
  return value === null || value === undefined || value === false || value === '';
}
