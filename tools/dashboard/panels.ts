import { readFileSync } from 'node:fs';

/** The fields of a panel of packaging/grafana/hauberk.json that are drawn. */
export interface Panel {
  readonly type: 'row' | 'stat' | 'bargauge' | 'timeseries';
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string;
      readonly mappings?: readonly { readonly options: Readonly<Record<string, { readonly text: string }>> }[];
      readonly thresholds?: { readonly steps: readonly { readonly color: string; readonly value: number | null }[] };
    };
  };
  readonly options?: { readonly colorMode?: string; readonly textMode?: string };
}

export interface Series {
  readonly name: string;
  /** Pairs of time, in seconds since the Unix epoch, and value. */
  readonly points: readonly (readonly [number, number])[];
}

/** Prometheus' data between two times, by the title of the panel. */
export interface Recording {
  readonly from: number;
  readonly until: number;
  readonly series: Readonly<Record<string, readonly Series[]>>;
}

export function readPanels(): readonly Panel[] {
  return (JSON.parse(readFileSync('packaging/grafana/hauberk.json', 'utf8')) as { panels: Panel[] }).panels;
}

/** The panels of each row, after the panel of the row itself. */
export function rowsOf(panels: readonly Panel[]): Panel[][] {
  const rows: Panel[][] = [];
  for (const panel of panels) {
    if (panel.type === 'row') rows.push([]);
    rows.at(-1)!.push(panel);
  }
  return rows;
}

/** The name of a series as Grafana formats it. */
export function legendOf(format: string, labels: Readonly<Record<string, string>>): string {
  return format.replaceAll(/\{\{(\w+)\}\}/gu, (_, name: string) => labels[name] ?? '');
}
