import { suggest } from './suggestion.js';

/** A longer text is not written out, so that a hostile manifest cannot grow the answer. */
const WRITTEN_CHARACTERS_MAX = 1000;
/** What is the same string without quotes, in every version of YAML and also in a flow mapping. */
const PLAIN = /^(?!(?:true|false|yes|no|on|off|y|n|null)$)[a-z](?:[\w./-]*\w)?$/iu;

/** Whether an unknown field of a selector is meant as a label: it has a scalar, and is no misspelt field. */
export function isMeantAsLabel(field: string, value: unknown): boolean {
  return isScalar(value) && suggest(field, ['matchLabels', 'matchExpressions']) === undefined;
}

/** Says how to write a selector in which labels stand, so that it has these and those of its `matchLabels`. */
export function labelsAdvice(name: string, selector: Readonly<Record<string, unknown>>): string {
  const { matchLabels, matchExpressions } = selector;
  const present = typeof matchLabels === 'object' && !Array.isArray(matchLabels) ? (matchLabels ?? {}) : {};
  const labels = new Map([
    ...Object.entries(present).filter(([, value]) => isScalar(value)),
    ...Object.entries(selector).filter(([field, value]) => isMeantAsLabel(field, value)),
  ]);
  const pairs = Array.from(labels, ([label, value]) => `${word(label)}: ${word(value ?? '')}`);
  const written = `matchLabels: {${pairs.join(', ')}}`;
  const rule = 'labels stand in `matchLabels`';
  if (written.length > WRITTEN_CHARACTERS_MAX) return `${rule}, move all of them there`;
  // Only selectors of containers take expressions.
  if (name === 'selector' && matchExpressions != null)
    return `${rule}, write \`${written}\` beside \`matchExpressions\``;
  return `${rule}, write \`${name}: {${written}}\``;
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

/** As YAML that reads back as the same string: JSON is YAML. */
function word(value: unknown): string {
  const text = String(value);
  return PLAIN.test(text) ? text : JSON.stringify(text);
}
