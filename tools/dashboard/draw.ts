/** Draws the dashboard's panels from a recording by record.ts. Usage: draw.js RECORDING DIRECTORY */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawPanel, text } from './chart.js';
import { type Panel, type Recording, readPanels, rowsOf } from './panels.js';

const [recordingPath, directory] = process.argv.slice(2) as [string, string];
const WIDTH = 1200;
/** Width of a column and height of a line of Grafana's grid. */
const COLUMN = WIDTH / 24;
const LINE = 27;
const GAP = 8;
const ROW_HEIGHT = 32;

/** The number of rows in each picture. */
const PICTURES: readonly (readonly [name: string, rows: number])[] = [
  ['dashboard-denials', 3],
  ['dashboard-containers-and-events', 2],
  ['dashboard-daemon', 3],
];

const recording = JSON.parse(readFileSync(recordingPath, 'utf8')) as Recording;
const rows = rowsOf(readPanels());
for (const [name, count] of PICTURES) writeFileSync(join(directory, `${name}.svg`), draw(rows.splice(0, count)));
if (rows.length > 0) throw new Error(`no picture has the row ${rows[0]![0]!.title}`);

function draw(shown: readonly (readonly Panel[])[]): string {
  let top = 0;
  const parts = shown.map(([head, ...panels]) => {
    const begin = head!.gridPos.y + 1;
    const y = top + ROW_HEIGHT;
    top = y + LINE * Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h - begin));
    const title = text(GAP, y - 10, head!.title, 'font-weight="bold" style="font-size:15px"');
    const drawn = panels.map((panel) => {
      const { gridPos } = panel;
      const box = {
        x: gridPos.x * COLUMN + GAP / 2,
        y: y + (gridPos.y - begin) * LINE + GAP / 2,
        width: gridPos.w * COLUMN - GAP,
        height: gridPos.h * LINE - GAP,
      };
      return drawPanel(panel, box, recording);
    });
    return title + drawn.join('');
  });
  const size = `width="${WIDTH}" height="${top + GAP}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="DejaVu Sans"><rect ${size} fill="#f6f8fa"/>${parts.join('\n')}</svg>\n`;
}
