import fc from 'fast-check';
import type { PathMatch } from '../../src/policy/model.js';

/** Few, so that rules and paths often match, with characters of two, three and four bytes. */
const CHARACTERS = ['a', 'b', '/', 'é', 'è', '€', '😀'];
/** Bytes that are invalid UTF-8 or only a part of a character. */
const STRAY_BYTES = [0x80, 0xa9, 0xc3, 0xe2, 0x82, 0xed, 0xf0, 0xff];

const character = fc.constantFrom(...CHARACTERS);
const name = fc.string({ unit: character, maxLength: 4 }).map((text) => text.replaceAll('/', ''));
const literalPath = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`);

const PATTERN_LENGTH_MAX = 32;

const setMember = fc.constantFrom('a', 'b', '/', 'é', '€', 'a-b', '.-0', '\\]', '-');
const characterSet = fc
  .array(setMember, { minLength: 1, maxLength: 3 })
  .chain((members) => fc.constantFrom('', '!', '^').map((negated) => `[${negated}${members.join('')}]`))
  // A class of slashes alone would be malformed.
  .filter((text) => !/^\[\/+\]$/.test(text))
  // A dash between two characters would make a range.
  .filter((text) => !/[^[!^]-[^\]]/.test(text.replace(/a-b|\.-0/g, 'r')));

const { pattern } = fc.letrec<{ pattern: string; part: string; alternatives: string }>((tie) => ({
  part: fc.oneof(
    { maxDepth: 3 },
    character,
    fc.constantFrom('*', '**', '?', '\\*', '\\a', '*', '**'),
    characterSet,
    tie('alternatives'),
  ),
  alternatives: fc
    .array(fc.array(tie('part'), { maxLength: 3 }), { minLength: 1, maxLength: 3 })
    .map((branches) => branches.map((branch) => branch.join('')))
    .filter((branches) => branches.join() !== '')
    .map((branches) => `{${branches.join()}}`),
  pattern: fc
    .array(tie('part'), { maxLength: 6 })
    .map((parts) => `/${parts.join('')}`)
    // Longer ones may not fit into an image, and take too long to match by backtracking.
    .filter((text) => text.length <= PATTERN_LENGTH_MAX),
}));

export const pathMatch: fc.Arbitrary<PathMatch> = fc.oneof(
  literalPath.map((path) => ({ kind: 'exact' as const, path })),
  fc
    .record({ path: literalPath, recursive: fc.boolean() })
    .map(({ path, recursive }) => ({ kind: 'directory' as const, directory: `${path}/`, recursive })),
  pattern.map((text) => ({ kind: 'pattern' as const, pattern: text })),
);

const fragment: fc.Arbitrary<Buffer> = fc.oneof(
  { arbitrary: character.map((text) => Buffer.from(text)), weight: 8 },
  { arbitrary: fc.constantFrom(...STRAY_BYTES).map((byte) => Buffer.from([byte])), weight: 1 },
);
const bytes = fc.array(fragment, { maxLength: 6 }).map((fragments) => Buffer.concat(fragments));

/** Any path; few of them match a rule. */
export const anyPath: fc.Arbitrary<Buffer> = bytes.map((tail) => Buffer.concat([Buffer.from('/'), tail]));

/** Paths that often match: made from a rule with its wildcards filled in at random. */
export function resembling(match: PathMatch): fc.Arbitrary<Buffer> {
  switch (match.kind) {
    case 'exact':
      return fc.constant(Buffer.from(match.path));
    case 'directory':
      return bytes.map((tail) => Buffer.concat([Buffer.from(match.directory), tail]));
    case 'pattern': {
      const parts = match.pattern.match(/\\.|\[[^\]]*\]|[{},]|\*+|\?|[^*?[{},\\]+/gsu) ?? [];
      return fc.tuple(...parts.map(filling)).map((filled) => Buffer.concat(filled));
    }
  }
}

function filling(part: string): fc.Arbitrary<Buffer> {
  if (part.startsWith('*')) return bytes;
  if (part === '?' || part.startsWith('[')) return fragment;
  if (part === '{' || part === '}' || part === ',') return fc.constant(Buffer.alloc(0));
  return fc.constantFrom(Buffer.from(part.replace('\\', '')), Buffer.alloc(0));
}
