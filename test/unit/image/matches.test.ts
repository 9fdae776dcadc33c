import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileImage } from '../../../src/image/compile.js';
import { decide } from '../../../src/image/walk.js';
import type { PathMatch } from '../../../src/policy/model.js';
import { directory, exact, pattern, rule, ruleSet } from './rule-sets.js';

interface Case {
  readonly match: PathMatch;
  readonly matched: readonly (string | Buffer)[];
  readonly unmatched: readonly (string | Buffer)[];
}

const stray = (...bytes: number[]) => Buffer.concat([Buffer.from('/a'), Buffer.from(bytes)]);

const CASES: readonly Case[] = [
  { match: exact('/a/b'), matched: ['/a/b', '/a/b/'], unmatched: ['/a', '/a/', '/a/bc', '/a/b/c', '', '/'] },
  {
    match: directory('/a/'),
    matched: ['/a/', '/a/b', '/a/b/', stray(0x2f, 0xff)],
    unmatched: ['/a', '/ab', '/a/b/c', '/a//', '/a//b', '/'],
  },
  { match: directory('/a/', true), matched: ['/a/', '/a/b', '/a/b/c', '/a/b/c/'], unmatched: ['/a', '/ab', '/b/a/'] },
  { match: pattern('/a*'), matched: ['/a', '/ab', '/a/', '/ab/', stray(0xc3)], unmatched: ['/', '/a/b', '/b'] },
  { match: pattern('/a/*/b'), matched: ['/a/x/b', '/a/xyz/b/', '/a//b'], unmatched: ['/a/b', '/a/x/y/b', '/a/x/bc'] },
  { match: pattern('/a/**/b'), matched: ['/a/x/b', '/a/x/y/b', '/a//b'], unmatched: ['/a/b', '/ab', '/a/xb'] },
  { match: pattern('/**'), matched: ['/', '/a', '/a/b/c', stray(0xff)], unmatched: [''] },
  { match: pattern('/a**z'), matched: ['/az', '/azz', '/a/z', '/a/b/z/'], unmatched: ['/a', '/a/zb', '/z'] },
  { match: pattern('/a***'), matched: ['/a', '/a/b'], unmatched: ['/b'] },
  {
    match: pattern('/a?'),
    matched: ['/ab', '/aé', '/a€', '/a😀', '/a😀/'],
    unmatched: ['/a', '/a/', '/abc', '/aéé', stray(0xc3), stray(0xa9), stray(0xc0, 0xaf), stray(0xed, 0xa0, 0x80)],
  },
  { match: pattern('/a[bé]'), matched: ['/ab', '/aé'], unmatched: ['/a', '/aè', '/abé', stray(0xc3)] },
  { match: pattern('/a[b-d]'), matched: ['/ab', '/ac', '/ad'], unmatched: ['/aa', '/ae', '/a-'] },
  { match: pattern('/a[!bé]'), matched: ['/ac', '/aè', '/a😀'], unmatched: ['/ab', '/aé', '/a/', stray(0xff)] },
  { match: pattern('/a[^!]'), matched: ['/ac', '/a^'], unmatched: ['/a!'] },
  { match: pattern('/{a,b/{c,d*},}x'), matched: ['/ax', '/b/cx', '/b/dyx', '/x'], unmatched: ['/a', '/bx', '/b/d/x'] },
  { match: pattern('/a{*,b}*'), matched: ['/a', '/abc'], unmatched: ['/a/b'] },
  { match: pattern('/a{b,b/}'), matched: ['/ab', '/ab/'], unmatched: ['/a', '/ab/c'] },
  { match: pattern('/\\*\\[\\a'), matched: ['/*[a'], unmatched: ['/x[a', '/\\*[a'] },
];

for (const { match, matched, unmatched } of CASES) {
  const { words } = compileImage(ruleSet([rule(match)]));
  const isMatched = (path: string | Buffer) =>
    decide(words, Buffer.from(path), { programClass: 0 }, 'read', 'owner').rule === 0;
  test(`${JSON.stringify(match)} matches exactly what it should`, () => {
    for (const path of matched) assert(isMatched(path), `must match ${path}`);
    for (const path of unmatched) assert(!isMatched(path), `must not match ${path}`);
  });
}
