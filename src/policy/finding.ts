/** Where a value stands in a document: keys and list indexes from the root. */
export type FieldPath = readonly (string | number)[];

/** One problem in a document, before it is known whether the document has text positions. */
export interface Finding {
  /** For a missing field this is the path it should have. */
  readonly path: FieldPath;
  readonly description: string;
  /** Whether the key is at fault or its value; it decides the position shown. */
  readonly fault: 'key' | 'value';
  /** Its offset in the text, in characters, if a path does not identify it. */
  readonly offset?: number;
}

/** A path as it is shown: `spec.file.matchPaths[0].path`, and `manifest` for the root. */
export function fieldName(path: FieldPath): string {
  if (path.length === 0) return 'manifest';
  return path
    .map((step, index) => {
      if (typeof step === 'number') return `[${step}]`;
      if (!/^[\w$-]+$/u.test(step)) return `[${JSON.stringify(shorten(step))}]`;
      return index === 0 ? shorten(step) : `.${shorten(step)}`;
    })
    .join('');
}

/** A word of the input, quoted, and cut where it is too long to be shown. */
export function quote(text: string): string {
  return `\`${shorten(text)}\``;
}

function shorten(text: string): string {
  const characters = Array.from(text.slice(0, 2 * SHOWN_CHARACTERS));
  return characters.length <= SHOWN_CHARACTERS ? text : `${characters.slice(0, SHOWN_CHARACTERS).join('')}…`;
}

const SHOWN_CHARACTERS = 64;
