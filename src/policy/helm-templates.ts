import { quote } from './finding.js';

interface Template {
  readonly offset: number;
  readonly description: string;
}

/** A placeholder of Helm; `{{a},{b}}` is a pattern. */
const TEMPLATE =
  /\{\{-?\s*(?:[.$]|\/\*|(?:if|else|end|range|with|include|template|define|block|toYaml|default|quote|printf|tpl|lower|upper|trim|lookup|required)\b)[^{}]*\}\}/gu;
/** At most this many are named in a document. */
const TEMPLATES_NAMED = 10;

/**
 * Finds placeholders that are left of a Helm chart, except in comments.
 *
 * @param starts offsets at which the documents of the text begin
 * @returns the placeholders of each document
 */
export function templatesIn(text: string, starts: readonly number[]): Template[][] {
  const found: Template[][] = starts.map(() => []);
  for (const { index, 0: template } of text.matchAll(TEMPLATE)) {
    const line = text.slice(text.lastIndexOf('\n', index) + 1, index);
    if (/^\s*#/u.test(line)) continue;
    // What comes before the first document is part of it.
    const document = Math.max(
      0,
      starts.findLastIndex((start) => start <= index),
    );
    if ((found[document]?.length ?? TEMPLATES_NAMED) >= TEMPLATES_NAMED) continue;
    const description = `${quote(template)} is left of a Helm chart: render it first, with \`helm template\``;
    found[document]!.push({ offset: index, description });
  }
  return found;
}
