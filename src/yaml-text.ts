import { Document, isScalar, type ToStringOptions, visit } from 'yaml';
import { hasUnseen, jsonEscape, UNSEEN } from './printable.js';

/** A value as YAML in which nothing can forge or hide output: what a terminal would act on stands as an escape. */
export function yamlText(value: unknown, options: ToStringOptions = {}): string {
  return documentText(new Document(value, { aliasDuplicateObjects: false }), options);
}

/** The same for a document. */
export function documentText(document: Document.Parsed | Document, options: ToStringOptions = {}): string {
  visit(document, {
    Scalar(_, scalar) {
      // Only between double quotes YAML knows escapes.
      if (isScalar(scalar) && typeof scalar.value === 'string' && hasUnseen(scalar.value.replace(/[\n\t]/gu, '')))
        scalar.type = 'QUOTE_DOUBLE';
    },
  });
  return document
    .toString(options)
    .replace(UNSEEN, (character) => (/[\n\t]/u.test(character) ? character : escaped(character)));
}

function escaped(character: string): string {
  return character.length === 1
    ? jsonEscape(character)
    : `\\U${character.codePointAt(0)!.toString(16).padStart(8, '0')}`;
}
