import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SlotTable } from '../../../src/image/slot-table.js';

/** Places each shape a number of times; returns every base with its symbols. */
function placed(
  shapes: ReadonlyArray<readonly [number[], number]>,
  { firstBase = 10, page = 1 << 20, reach = 1 } = {},
) {
  const table = new SlotTable(firstBase, page, reach);
  const rows: Array<{ base: number; symbols: number[] }> = [];
  for (const [symbols, count] of shapes) {
    let from = firstBase;
    for (let index = 0; index < count; index++) {
      const base = table.place(Int32Array.from(symbols), from);
      rows.push({ base, symbols });
      from = base + 1;
    }
  }
  return { table, rows };
}

test('no two rows take the same slot or have the same base', () => {
  const shapes = Array.from({ length: 40 }, (_, index): [number[], number] => [
    [index, index + 1 + (index % 7), 100 + index * 3],
    25,
  ]);
  const { table, rows } = placed([...shapes, [[257], 300], [[0], 300]]);
  const slots = rows.flatMap(({ base, symbols }) => symbols.map((symbol) => base + symbol));
  assert.equal(new Set(slots).size, slots.length);
  assert.equal(new Set(rows.map(({ base }) => base)).size, rows.length);
  assert(rows.every(({ base }) => base >= 10));
  assert.equal(table.end, Math.max(...slots) + 1);
});

test('rows of one symbol fill the holes that others left', () => {
  const { table, rows } = placed([
    [[1, 9], 100],
    [[2], 50],
    [[0], 50],
  ]);
  const slots = rows.reduce((sum, { symbols }) => sum + symbols.length, 0);
  assert(table.end - 10 < slots * 1.1, `${table.end - 10} slots for ${slots} entries`);
});

test('a shape that rarely fits is placed at the end after a limited number of attempts', () => {
  const { table, rows } = placed([
    [[1, 3], 4000],
    [[0, 1, 2, 3, 4, 5, 6, 7], 1],
  ]);
  const last = rows.at(-1)!;
  assert.equal(table.end, last.base + 8);
});

test('the symbols of a base are on its page, and used slots of each page are counted', () => {
  const { table, rows } = placed([[[3, 60], 500]], { page: 256, reach: 64 });
  for (const { base } of rows) assert.equal(Math.floor(base / 256), Math.floor((base + 63) / 256));
  const pages = Array.from({ length: Math.ceil(table.end / 256) }, (_, page) => table.takenOn(page));
  assert.equal(
    pages.reduce((sum, taken) => sum + taken, 0),
    1000,
  );
  assert.equal(pages[0], rows.filter(({ base }) => base < 256).length * 2);
});
