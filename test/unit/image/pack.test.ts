import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileImage } from '../../../src/image/compile.js';
import {
  HEADER,
  PAGE_ENTRIES,
  STATE_BASE_MASK,
  SYMBOL_VERDICT,
  VERDICT_ROW_ENTRIES,
} from '../../../src/image/layout.js';
import { exact, rule, ruleSet } from './rule-sets.js';

const PATHS = Array.from({ length: 3000 }, (_, index) => `/srv/service-${(index * 7919) % 3000}/configuration.yml`);
const { words } = compileImage(ruleSet(PATHS.map((path) => rule(exact(path)))));

/** The entries that a decision on a path reads, with the first and last of its verdict row. */
function entriesRead(path: string): number[] {
  const read: number[] = [];
  let state = words[HEADER.automaton * 2]!;
  for (const symbol of [...Buffer.from(path), SYMBOL_VERDICT]) {
    const base = state & STATE_BASE_MASK;
    const entry = base + symbol;
    assert.equal(words[entry * 2], base, path);
    read.push(entry);
    state = words[entry * 2 + 1]!;
  }
  return [...read, state, state + VERDICT_ROW_ENTRIES - 1];
}

test('a walk and its verdict read one page beside the first, with few exceptions', () => {
  const requested = PATHS.map((path) => {
    const pages = entriesRead(path).map((entry) => Math.floor(entry / PAGE_ENTRIES));
    return pages.filter((page, index) => page !== 0 && page !== pages[index - 1]).length;
  });
  assert.ok(words.length / 2 > 10 * PAGE_ENTRIES, `${words.length / 2} entries`);
  assert.ok(
    requested.filter((pages) => pages > 1).length < PATHS.length / 20,
    `${requested.filter((pages) => pages > 1).length}`,
  );
  assert.ok(Math.max(...requested) <= 2);
});
