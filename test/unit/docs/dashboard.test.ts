import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { readPanels, rowsOf } from '../../../tools/dashboard/panels.js';
import { inUnit, ticksTo } from '../../../tools/dashboard/units.js';

const panels = readPanels();

describe('the dashboard', () => {
  test('has no panels that overlap or have the same title', () => {
    const places = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.equal(places.get(`${x},${y}`), undefined, `${title} is on ${places.get(`${x},${y}`)}`);
          places.set(`${x},${y}`, title);
        }
      }
    }
    const titles = panels.filter(({ type }) => type !== 'row').map(({ title }) => title);
    assert.deepEqual(
      titles.filter((title, index) => titles.indexOf(title) !== index),
      [],
    );
  });

  test('shows what is refused most by container, policy and rule, and the process', () => {
    const titles = rowsOf(panels).map((row) => row.map(({ title }) => title));
    assert.ok(
      titles.some((row) => ['Top containers', 'Top policies', 'Top rules'].every((each) => row.includes(each))),
    );
    assert.ok(titles.some((row) => ['Processor', 'Memory'].every((each) => row.includes(each))));
  });

  test('has pictures on the page on metrics', () => {
    const pictures = readFileSync('docs/metrics.md', 'utf8').match(/pictures\/[\w-]+\.png/gu) ?? [];
    assert.equal(pictures.length, 3);
    for (const picture of pictures) assert.ok(existsSync(`docs/${picture}`), picture);
  });
});

test('values of panels are written in their units', () => {
  const shown = (unit: string, ...values: number[]) => values.map((value) => inUnit(value, unit));
  assert.deepEqual(shown('s', 0, 0.0002, 0.025, 1.5), ['0 s', '200 µs', '25 ms', '1.5 s']);
  assert.deepEqual(shown('bytes', 0, 1536, 104857600), ['0 B', '1.5 KiB', '100 MiB']);
  assert.deepEqual(
    [...shown('ops', 0.25), ...shown('percentunit', 0.5), ...shown('short', 12_000)],
    ['0.25/s', '50 %', '12 k'],
  );
  assert.deepEqual(ticksTo(0), [0, 0.5, 1]);
  assert.deepEqual(ticksTo(7), [0, 2, 4, 6, 8]);
  assert.deepEqual(ticksTo(90 * 1024 ** 2, 'bytes').at(-1), 100 * 1024 ** 2);
});
