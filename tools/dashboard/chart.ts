import type { Panel, Recording, Series } from './panels.js';
import { inUnit, ticksTo } from './units.js';

const COLOURS = ['#3274d9', '#e0752d', '#37872d', '#8f3bb8', '#c4162a', '#1f9e9e', '#b87f00', '#6b6b6b'];
const NAMED: Readonly<Record<string, string>> = {
  green: '#37872d',
  red: '#c4162a',
  blue: '#3274d9',
  orange: '#e0752d',
};
const INK = '#24292e';
const FAINT = '#6a737d';
/** Average width of a letter of the size below. */
const LETTER = 6.3;
const SIZE = 11;
const LINE = 16;

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

export function text(x: number, y: number, words: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${SIZE}" fill="${INK}" ${attributes}>${escaped(words)}</text>`;
}

/** The frame, title and contents of a panel. */
export function drawPanel(panel: Panel, box: Box, recording: Recording): string {
  const { x, y, width, height } = box;
  const series = recording.series[panel.title] ?? [];
  const title = text(x + 10, y + 19, panel.title, 'font-weight="bold" style="font-size:12px"');
  const inner = { x: x + 10, y: y + 30, width: width - 20, height: height - 38 };
  const frame = `<rect x="${x}" y="${y}" width="${width}" height="${height}" fill="#fff" stroke="#d0d7de" rx="3"/>`;
  return frame + title + (series.length === 0 ? nothing(inner) : DRAWN[panel.type]!(panel, inner, series, recording));
}

const nothing = ({ x, y, width, height }: Box) =>
  text(x + width / 2, y + height / 2, 'no data', `text-anchor="middle" style="fill:${FAINT}"`);

type Draw = (panel: Panel, box: Box, series: readonly Series[], recording: Recording) => string;

const DRAWN: Readonly<Record<string, Draw>> = { stat: drawStat, bargauge: drawBars, timeseries: drawLines };

const lastOf = ({ points }: Series) => points.at(-1)![1];

function drawStat({ fieldConfig, options }: Panel, { x, y, width, height }: Box, series: readonly Series[]): string {
  const { mappings = [], thresholds, unit } = fieldConfig!.defaults;
  const share = width / series.length;
  return series
    .map((each, index) => {
      const value = lastOf(each);
      const mapped = mappings
        .map((mapping) => mapping.options[String(value)]?.text)
        .find((shown) => shown !== undefined);
      const shown = options?.textMode === 'name' ? each.name : (mapped ?? inUnit(value, unit));
      const step = thresholds?.steps.findLast((limit) => limit.value === null || value >= limit.value);
      const colour = NAMED[step?.color ?? ''] ?? INK;
      const isFilled = options?.colorMode === 'background';
      const size = Math.min(26, (share - 8) / shown.length / 0.58);
      const fill = isFilled
        ? `<rect x="${x + index * share}" y="${y}" width="${share}" height="${height}" fill="${colour}" rx="2"/>`
        : '';
      const style = `text-anchor="middle" font-weight="bold" style="font-size:${size.toFixed(1)}px;fill:${isFilled ? '#fff' : colour}"`;
      return fill + text(x + (index + 0.5) * share, y + height / 2 + size / 3, shown, style);
    })
    .join('');
}

function drawBars({ fieldConfig }: Panel, { x, y, width, height }: Box, series: readonly Series[]): string {
  const { unit } = fieldConfig!.defaults;
  const sorted = series.toSorted((one, other) => lastOf(other) - lastOf(one)).slice(0, 10);
  const greatest = lastOf(sorted[0]!);
  const share = Math.min(38, height / sorted.length);
  return sorted
    .map((each, index) => {
      const top = y + index * share;
      const room = width - 60;
      const bar = Math.max(2, (room * lastOf(each)) / greatest);
      return (
        text(x, top + 12, cut(each.name, width)) +
        `<rect x="${x}" y="${(top + 16).toFixed(1)}" width="${bar.toFixed(1)}" height="${Math.min(12, share - 20).toFixed(1)}" fill="${NAMED.orange}"/>` +
        text(x + bar + 6, top + 26, inUnit(Math.round(lastOf(each)), unit), 'font-weight="bold"')
      );
    })
    .join('');
}

function drawLines({ fieldConfig }: Panel, box: Box, all: readonly Series[], recording: Recording): string {
  const { unit } = fieldConfig!.defaults;
  // Leaves out series that are always zero, although Grafana's legend lists them.
  const moved = all.filter(({ points }) => points.some(([, value]) => value > 0));
  const series = (moved.length > 0 ? moved : all.slice(0, 1)).slice(0, COLOURS.length);
  const legend = legendLines(series, box.width);
  const left = 62;
  const plot = {
    x: box.x + left,
    y: box.y + 2,
    width: box.width - left - 20,
    height: box.height - 22 - legend.length * LINE,
  };
  const shown = series.map(({ points }) => points);
  const ticks = ticksTo(Math.max(...shown.flatMap((points) => points.map(([, value]) => value)), 0), unit);
  const atTime = (time: number) => plot.x + (plot.width * (time - recording.from)) / (recording.until - recording.from);
  const atValue = (value: number) => plot.y + plot.height * (1 - value / ticks.at(-1)!);
  const grid = ticks
    .map((tick) => {
      const y = atValue(tick);
      const line = `<line x1="${plot.x}" x2="${plot.x + plot.width}" y1="${y.toFixed(1)}" y2="${y.toFixed(1)}" stroke="#e4e8eb"/>`;
      return line + text(plot.x - 6, y + 4, inUnit(tick, unit), `text-anchor="end" style="fill:${FAINT}"`);
    })
    .join('');
  const lines = shown
    .map((points, index) => {
      const colour = COLOURS[index]!;
      const path = points.map(([time, value]) => `${atTime(time).toFixed(1)},${atValue(value).toFixed(1)}`).join(' ');
      return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.6"/>`;
    })
    .join('');
  return grid + times(plot, recording, atTime) + lines + drawLegend(legend, box);
}

function times(plot: Box, { from, until }: Recording, atTime: (time: number) => number): string {
  const minutes = Math.max(1, Math.round((until - from) / 60 / 5));
  const step = minutes * 60;
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.floor((until - first) / step) + 1 }, (_, index) => {
    const time = first + index * step;
    const label = new Date(time * 1000).toISOString().slice(11, 16);
    return text(atTime(time), plot.y + plot.height + 15, label, `text-anchor="middle" style="fill:${FAINT}"`);
  }).join('');
}

interface Entry {
  readonly x: number;
  readonly name: string;
  readonly colour: string;
}

function legendLines(series: readonly Series[], width: number): Entry[][] {
  const lines: Entry[][] = [[]];
  let x = 0;
  for (const [index, { name }] of series.entries()) {
    const shown = cut(name, width - 24);
    const length = 24 + shown.length * LETTER;
    if (x > 0 && x + length > width) {
      lines.push([]);
      x = 0;
    }
    lines.at(-1)!.push({ x, name: shown, colour: COLOURS[index]! });
    x += length;
  }
  return lines;
}

function drawLegend(lines: readonly (readonly Entry[])[], { x, y, height }: Box): string {
  return lines
    .flatMap((entries, index) => {
      const base = y + height - (lines.length - 1 - index) * LINE;
      return entries.map(
        (each) =>
          `<rect x="${x + each.x}" y="${base - 8}" width="10" height="8" fill="${each.colour}"/>` +
          text(x + each.x + 14, base, each.name),
      );
    })
    .join('');
}

function cut(words: string, width: number): string {
  const most = Math.floor(width / LETTER);
  return words.length > most ? `${words.slice(0, most - 1)}…` : words;
}
