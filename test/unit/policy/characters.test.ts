import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameCharacters, type Range, utf8Sequences } from '../../../src/policy/characters.js';

function matches(sequences: readonly Range[][], bytes: Uint8Array): number {
  return sequences.filter(
    (sequence) =>
      sequence.length === bytes.length &&
      sequence.every(({ low, high }, index) => low <= bytes[index]! && bytes[index]! <= high),
  ).length;
}

test('each code point of a range has its UTF-8 form in exactly one sequence, and no other code point has', () => {
  const ranges = [
    { low: 0x41, high: 0x41 },
    { low: 0x30, high: 0xd7ff },
    { low: 0x7e, high: 0x881 },
    { low: 0xe000, high: 0x10ffff },
    { low: 0xfff1, high: 0x1f923 },
  ];
  for (const range of ranges) {
    const sequences = utf8Sequences(range);
    for (let codePoint = 1; codePoint <= 0x10ffff; codePoint += codePoint < 0x1000 ? 1 : 13) {
      if (codePoint >= 0xd800 && codePoint <= 0xdfff) continue;
      const isMember = range.low <= codePoint && codePoint <= range.high;
      const found = matches(sequences, Buffer.from(String.fromCodePoint(codePoint)));
      assert.equal(found, isMember ? 1 : 0, `U+${codePoint.toString(16)}`);
    }
  }
});

test('overlong forms, surrogates and values beyond Unicode are not characters', () => {
  const sequences = nameCharacters([], true).flatMap(utf8Sequences);
  for (const bytes of [
    [0xc0, 0xaf],
    [0xc1, 0xbf],
    [0xe0, 0x9f, 0xbf],
    [0xed, 0xa0, 0x80],
    [0xf0, 0x8f, 0xbf, 0xbf],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
    [0xff],
    [0x2f],
    [0x00],
  ]) {
    assert.equal(matches(sequences, Uint8Array.from(bytes)), 0, bytes.join());
  }
});

test('all characters together need few sequences', () => {
  assert.equal(nameCharacters([], true).flatMap(utf8Sequences).length, 10);
});

test('a negated set is the complement of its characters', () => {
  const members = [
    { low: 0x61, high: 0x63 },
    { low: 0x62, high: 0x64 },
    { low: 0xe9, high: 0xe9 },
  ];
  assert.deepEqual(nameCharacters(members, false), [
    { low: 0x61, high: 0x64 },
    { low: 0xe9, high: 0xe9 },
  ]);
  assert.deepEqual(nameCharacters(members, true), [
    { low: 0x01, high: 0x2e },
    { low: 0x30, high: 0x60 },
    { low: 0x65, high: 0xe8 },
    { low: 0xea, high: 0xd7ff },
    { low: 0xe000, high: 0x10ffff },
  ]);
});
