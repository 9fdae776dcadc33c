import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

const PACKAGED = 'packaging/prometheus';
const START_MILLISECONDS = 120_000;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

export interface SampledSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: ReadonlyArray<readonly [number, string]>;
}

export interface LoadedRule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
  readonly alerts: ReadonlyArray<{ readonly state: string; readonly labels: Readonly<Record<string, string>> }>;
}

/** The shipped alert rules, by name. */
export function alertRules(): Map<string, string> {
  const { groups } = parse(readFileSync(`${PACKAGED}/alerts.yml`, 'utf8')) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  return new Map(groups.flatMap(({ rules }) => rules.map(({ alert, expr }) => [alert, expr])));
}

/** The queries of the shipped dashboard as Grafana sends them with all hosts chosen, by the titles of their panels. */
export function dashboardQueries(): { title: string; query: string }[] {
  const { panels } = JSON.parse(readFileSync('packaging/grafana/hauberk.json', 'utf8')) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      query: expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1h'),
    })),
  );
}

/**
 * Debian's Prometheus with the shipped configuration and shorter intervals.
 */
export class Prometheus {
  readonly #directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
  readonly #address = '127.0.0.1:9090';
  #process: ChildProcess | undefined;
  #log = '';

  /**
   * @param interval seconds between two scrapes, which is also the limit for each; by default as short as a busy machine
   *   under emulation allows
   */
  constructor(private readonly interval = 5) {}

  async start(): Promise<void> {
    const configuration = readFileSync(`${PACKAGED}/prometheus.yml`, 'utf8').replace(
      /_interval: 15s/g,
      `_interval: ${this.interval}s`,
    );
    writeFileSync(join(this.#directory, 'prometheus.yml'), configuration);
    copyFileSync(`${PACKAGED}/alerts.yml`, join(this.#directory, 'alerts.yml'));
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(this.#directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(this.#directory, 'data')}`,
        `--web.listen-address=${this.#address}`,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.#process = child;
    for (const output of [child.stdout, child.stderr]) output!.on('data', (text) => (this.#log += text));
    await this.#until('it is ready', async () => {
      if (child.exitCode !== null) throw new Error(`Prometheus ended with ${child.exitCode}:\n${this.#log}`);
      return (await fetch(`http://${this.#address}/-/ready`).catch(() => undefined))?.ok;
    });
  }

  /** @throws Error when Prometheus refuses the query */
  async query(query: string): Promise<Sample[]> {
    const { result } = (await this.#ask(`query?${new URLSearchParams({ query })}`)) as { result: Sample[] };
    return result;
  }

  /** The values between two times, in seconds since the Unix epoch. */
  async queryRange(query: string, start: number, end: number, step: number): Promise<SampledSeries[]> {
    const parameters = new URLSearchParams({ query, start: `${start}`, end: `${end}`, step: `${step}` });
    return ((await this.#ask(`query_range?${parameters}`)) as { result: SampledSeries[] }).result;
  }

  /** Repeats a query until it returns a series for which `wanted` holds. */
  async find(query: string, wanted: (sample: Sample) => boolean = () => true): Promise<Sample> {
    let found: Sample | undefined;
    await this.#until(`${query} has such a series`, async () => {
      found = (await this.query(query)).find(wanted);
      return found !== undefined;
    });
    return found!;
  }

  async rules(): Promise<LoadedRule[]> {
    const { groups } = (await this.#ask('rules')) as { groups: { rules: LoadedRule[] }[] };
    return groups.flatMap(({ rules }) => rules);
  }

  async end(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  async #ask(what: string): Promise<unknown> {
    const response = await fetch(`http://${this.#address}/api/v1/${what}`);
    const answer = (await response.json()) as { status: string; error?: string; data: unknown };
    if (answer.status !== 'success') throw new Error(`${what}: ${answer.error}`);
    return answer.data;
  }

  async #until(what: string, holds: () => Promise<boolean | undefined>): Promise<void> {
    const deadline = Date.now() + START_MILLISECONDS;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`waited in vain until ${what}:\n${this.#log}`);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
