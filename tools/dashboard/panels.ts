import { readFileSync } from 'node:fs';

/** What is drawn of a panel of packaging/grafana/hauberk.json. */
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
  /** Seconds since the Unix epoch, and the value. */
  readonly points: readonly (readonly [number, number])[];
}

/** Of each panel by its title what Prometheus answered, from a time on until another. */
export interface Recording {
  readonly from: number;
  readonly until: number;
  readonly series: Readonly<Record<string, readonly Series[]>>;
}

export function readPanels(): readonly Panel[] {
  return (JSON.parse(readFileSync('packaging/grafana/hauberk.json', 'utf8')) as { panels: Panel[] }).panels;
}

/** The panels of each row, with the row's own before them. */
export function rowsOf(panels: readonly Panel[]): Panel[][] {
  const rows: Panel[][] = [];
  for (const panel of panels) {
    if (panel.type === 'row') rows.push([]);
    rows.at(-1)!.push(panel);
  }
  return rows;
}

/** As Grafana names a series. */
export function legendOf(format: string, labels: Readonly<Record<string, string>>): string {
  return format.replaceAll(/\{\{(\w+)\}\}/gu, (_, name: string) => labels[name] ?? '');
}
