/**
 * Characters that change what a reader sees instead of being seen: controls (escape sequences begin with one), marks and
 * overrides of writing direction, breaks of lines, what has no width, and half of a surrogate pair.
 */
export const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text in one line that shows what is in it: whatever could forge or hide output stands as an escape. */
export function printable(text: string): string {
  return text.replace(UNSEEN, (character) => NAMED[character] ?? escaped(character.codePointAt(0)!));
}

/** JSON in which the same characters stand as escapes, so that it is the same value. */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, undefined, indent);
  // Within texts there are none of these left: they are the lines of the form.
  return text.replace(UNSEEN, (character) => (character === '\n' ? character : jsonEscape(character)));
}

export function hasUnseen(text: string): boolean {
  return text.search(UNSEEN) >= 0;
}

/** The `\uXXXX` of JSON, two of them for one beyond the first plane. */
export function jsonEscape(character: string): string {
  return Array.from({ length: character.length }, (_, index) => {
    return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }).join('');
}

function escaped(code: number): string {
  const digits = code.toString(16);
  return code < 0x80 ? `\\x${digits.padStart(2, '0')}` : `\\u{${digits}}`;
}
