import { isUtf8 } from 'node:buffer';

/**
 * The text of bytes from the kernel: what is not UTF-8 becomes `\xHH`. To keep this unambiguous, the backslash of a
 * literal `\x` in a name is escaped as well.
 */
export function textOf(bytes: Buffer, start: number, end: number): string {
  const text = bytes.toString('utf8', start, end);
  if (!text.includes('\ufffd')) return text.includes('\\x') ? text.replaceAll('\\x', '\\x5cx') : text;
  return escapedText(bytes.subarray(start, end));
}

const BACKSLASH = 0x5c;

function escapedText(bytes: Buffer): string {
  const parts: string[] = [];
  for (let position = 0; position < bytes.length; ) {
    const length = characterLength(bytes, position);
    const character = bytes.subarray(position, position + length);
    const isEscape = character[0] === BACKSLASH && bytes[position + 1] === 'x'.charCodeAt(0);
    if (isEscape || !isUtf8(character)) parts.push(`\\x${character[0]!.toString(16).padStart(2, '0')}`);
    else parts.push(character.toString());
    position += isUtf8(character) ? length : 1;
  }
  return parts.join('');
}

/** Bytes of the character that begins there, as its first byte says. */
function characterLength(bytes: Buffer, position: number): number {
  const first = bytes[position]!;
  if (first < 0xc0) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}
