import { Document, isScalar, type ToStringOptions, visit } from 'yaml';
import { hasUnseen, jsonEscape, UNSEEN } from './printable.js';

/** A value as YAML in which nothing can forge or hide output: characters that a terminal would act on are escaped. */
export function yamlText(value: unknown, options: ToStringOptions = {}): string {
  return documentText(new Document(value, { aliasDuplicateObjects: false }), options);
}

/** The same for a document. */
export function documentText(document: Document.Parsed | Document, options: ToStringOptions = {}): string {
  visit(document, {
    Scalar(_, scalar) {
      if (isScalar(scalar) && typeof scalar.value === 'string' && needsQuotes(scalar.value))
        scalar.type = 'QUOTE_DOUBLE';
    },
  });
  return document
    .toString(options)
    .replace(UNSEEN, (character) => (/[\n\t]/u.test(character) ? character : escaped(character)));
}

/** YAML has escapes only in double quotes; and a line of blanks would be lost in a block of lines. */
function needsQuotes(text: string): boolean {
  return hasUnseen(text.replace(/[\n\t]/gu, '')) || (text.includes('\n') && /^[ \t]+$/mu.test(text));
}

function escaped(character: string): string {
  return character.length === 1
    ? jsonEscape(character)
    : `\\U${character.codePointAt(0)!.toString(16).padStart(8, '0')}`;
}
