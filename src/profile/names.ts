import { literalPattern } from '../policy/literal-pattern.js';

/** Finds names that another run will not have: numbered ones and random ones. */

/** Below these, names change with versions only: what is numbered there is the same in every run. */
const FIXED = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'opt', 'etc', 'sys'];

/** What stands for a number: a digit and whatever follows it. */
const NUMBER = '[0-9]*';
const RANDOM_PIECE_MIN = 6;
/** How often a random name at least changes between letters, digits, upper and lower case. */
const RANDOM_CHANGES_MIN = 3;

/** A name of a path, as it is or as a pattern. */
export interface PathName {
  readonly text: string;
  readonly isPattern: boolean;
}

/** The pattern for a name that cannot be written in a policy; undefined for any other. */
export function unwritablePatternOf(name: string): string | undefined {
  if (!/[\p{Cc}\uFFFD]/u.test(name)) return undefined;
  // U+FFFD stands for bytes that are no character, of which there may be any number.
  return literalPattern(name)
    .replace(/\p{Cc}/gu, '?')
    .replace(/\uFFFD+/gu, '*');
}

/** The same, and for a name that is a number or random. */
export function patternOf(name: string): string | undefined {
  const unwritable = unwritablePatternOf(name);
  if (unwritable !== undefined) return unwritable;
  if (/^\d+$/u.test(name) || /^[0-9A-F]{16,}$/u.test(name)) return NUMBER;
  const pieces = name.split(/([._\-+@:=~#]+)/u);
  if (!pieces.some(isRandom)) return undefined;
  return pieces.map((piece) => (isRandom(piece) ? '*' : literalPattern(piece))).join('');
}

/** The pattern for all names that differ from this one in their numbers only; the name itself where it has none. */
export function numberedPatternOf(name: string): string {
  return literalPattern(name).replace(/\d+/gu, NUMBER);
}

/** The names of a path, each with its pattern if it needs one. */
export function patternsOf(path: string): PathName[] {
  const names = path.split('/').slice(1);
  const patternIn = isFixed(names[0]!) ? unwritablePatternOf : patternOf;
  return names.map((name) => {
    const pattern = patternIn(name);
    return { text: pattern ?? name, isPattern: pattern !== undefined };
  });
}

/** The pattern for a whole path. */
export function patternText(names: readonly PathName[]): string {
  return names.map(({ text, isPattern }) => `/${isPattern ? text : literalPattern(text)}`).join('');
}

/** Whether names below a top directory stay the same from run to run. */
export function isFixed(topDirectory: string): boolean {
  return FIXED.includes(topDirectory);
}

function isRandom(piece: string): boolean {
  if (piece.length < RANDOM_PIECE_MIN || !/^[0-9A-Za-z]+$/u.test(piece)) return false;
  const kinds = [...piece].map((character) => (/\d/u.test(character) ? 0 : /[a-z]/u.test(character) ? 1 : 2));
  return kinds.filter((kind, index) => index > 0 && kind !== kinds[index - 1]).length >= RANDOM_CHANGES_MIN;
}
