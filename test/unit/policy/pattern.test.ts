import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPattern, parsePattern } from '../../../src/policy/pattern.js';

const literal = (text: string) => ({ kind: 'literal', bytes: Buffer.from(text) });
const character = (text: string, ...ranges: Array<[number, number]>) => ({
  kind: 'character',
  ranges: ranges.map(([low, high]) => ({ low, high })),
  text,
});

test('`*` is distinguished from `**`, which crosses slashes', () => {
  assert.deepEqual(parsePattern('/a*b**'), [
    literal('/a'),
    { kind: 'run', crossesSlash: false },
    literal('b'),
    { kind: 'run', crossesSlash: true },
  ]);
});

test('a set contains its characters and ranges, merged', () => {
  assert.deepEqual(parsePattern('[cab-]'), [character('[cab-]', [0x2d, 0x2d], [0x61, 0x63])]);
  assert.deepEqual(parsePattern('[a-ceé]'), [character('[a-ceé]', [0x61, 0x63], [0x65, 0x65], [0xe9, 0xe9])]);
});

test('a set contains escaped characters', () => {
  assert.deepEqual(parsePattern('[\\]\\-\\!]'), [character('[\\]\\-\\!]', [0x21, 0x21], [0x2d, 0x2d], [0x5d, 0x5d])]);
});

test('no set contains a slash, negated or not', () => {
  assert.deepEqual(parsePattern('[.-0]'), [character('[.-0]', [0x2e, 0x2e], [0x30, 0x30])]);
  const anyCharacter: Array<[number, number]> = [
    [0x01, 0x2e],
    [0x30, 0xd7ff],
    [0xe000, 0x10ffff],
  ];
  assert.deepEqual(parsePattern('?'), [character('?', ...anyCharacter)]);
  assert.deepEqual(parsePattern('[!/]'), [character('[!/]', ...anyCharacter)]);
});

test('alternatives can nest, contain wildcards and be empty', () => {
  assert.deepEqual(parsePattern('{a,{*,}}'), [
    {
      kind: 'alternatives',
      branches: [
        [literal('a')],
        [{ kind: 'alternatives', branches: [[{ kind: 'run', crossesSlash: false }], []], text: '{*,}' }],
      ],
      text: '{a,{*,}}',
    },
  ]);
});

test('closing brackets and commas that close nothing are literal', () => {
  assert.deepEqual(parsePattern('/a],}b\\*'), [literal('/a],}b*')]);
});

const MALFORMED: ReadonlyArray<readonly [string, string]> = [
  ['/a[bc', 'has a `[` that no `]` closes (at character 3)'],
  ['/a[b-', 'has a `[` that no `]` closes (at character 3)'],
  ['/a{b,[c]', 'has a `{` that no `}` closes (at character 3)'],
  ['/[]', 'has an empty set, write `\\]` for a `]` in a set (at character 2)'],
  ['/[^]', 'has an empty set, write `\\]` for a `]` in a set (at character 2)'],
  ['/[/]', 'has a set of nothing but `/`, which a set never matches (at character 2)'],
  ['/[z-a]', 'has the reversed range `z-a` (at character 3)'],
  ['/[a-é]', 'has the range `a-é`, the ends of a range must be ASCII characters (at character 3)'],
  ['/{}', 'has no alternatives between `{` and `}` (at character 2)'],
  ['/a\\', 'ends in a backslash that escapes nothing (at character 3)'],
  ['/[\\', 'ends in a backslash that escapes nothing (at character 3)'],
  [`/${'{'.repeat(11)}`, 'nests alternatives deeper than 10 (at character 12)'],
  ['/a\0', 'must be well-formed Unicode without NUL (at character 3)'],
  ['/\ud800', 'must be well-formed Unicode without NUL (at character 2)'],
  [`/${'é'.repeat(2048)}`, 'is 4097 bytes long, at most 4096 are accepted (at character 1)'],
];

for (const [text, problem] of MALFORMED) {
  test(`the pattern ${JSON.stringify(text.slice(0, 16))} is refused`, () => {
    assert.equal(checkPattern(text), problem);
  });
}

test('a well-formed pattern has no problem', () => {
  assert.equal(checkPattern(`/a/*/{b,c[!d]}?\\{${'{'.repeat(10)}x${'}'.repeat(10)}`), undefined);
});
