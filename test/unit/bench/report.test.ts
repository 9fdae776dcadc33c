import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { FIGURE_NAMES } from '../../../bench/figures.js';
import { readOptions } from '../../../bench/options.js';
import { type Conditions, rewriteTable } from '../../../bench/report.js';

const under: Conditions = {
  command: 'npm run bench',
  kernel: '6.1.0-test',
  guestKernel: '6.12-guest',
  processor: 'A Processor',
  processors: 2,
  date: '2024-05-06',
};

test('the table between the markers is replaced and the rest of the text stays', () => {
  const text = 'above\n<!-- bench -->\nold\n<!-- /bench -->\nbelow\n';
  const once = rewriteTable(text, new Map([['match_ns_empty', 7.77777]]), under);
  assert.ok(once.startsWith('above\n<!-- bench -->\n'));
  assert.ok(once.endsWith('\n<!-- /bench -->\nbelow\n'));
  assert.ok(!once.includes('old'));
  assert.equal(rewriteTable(once, new Map([['match_ns_empty', 7.77777]]), under), once);
});

test('the table names command, kernels and processor, and has a row for every figure', () => {
  const text = rewriteTable('<!-- bench -->\n<!-- /bench -->', new Map([['match_ns_empty', 7.77777]]), under);
  for (const part of Object.values(under)) assert.ok(text.includes(String(part)), String(part));
  for (const name of FIGURE_NAMES) assert.ok(text.includes(`\n| \`${name}\` |`), name);
  assert.match(text, /\| `match_ns_empty` \| 7\.778 \| ns \|/);
  assert.match(text, /\| `start_ms_0` \| not measured \| ms \|/);
});

test('a text without both markers in order is refused', () => {
  for (const text of ['', '<!-- bench -->', '<!-- /bench -->\n<!-- bench -->']) {
    assert.throws(() => rewriteTable(text, new Map(), under), /needs a line <!-- bench -->/);
  }
});

test('the page on performance has the markers', () => {
  assert.doesNotThrow(() => rewriteTable(readFileSync('docs/performance.md', 'utf8'), new Map(), under));
});

test('only a run of everything at full length is complete', () => {
  const options = (...parameters: string[]) => {
    const read = readOptions(parameters);
    assert.ok(read !== 'help');
    return read;
  };
  assert.equal(options().complete, true);
  assert.equal(options('--quick').complete, false);
  assert.equal(options('--only', 'match').complete, false);
  assert.equal(options('--only', '^vm_').only.test('vm_open_ratio_inside'), true);
  assert.equal(readOptions(['--help']), 'help');
  assert.throws(() => readOptions(['--onyl', 'match']), /onyl/);
  assert.throws(() => readOptions(['--only', '(']), SyntaxError);
});
