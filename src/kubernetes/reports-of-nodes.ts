import { isStep, type Steps } from '../steps.js';
import { finishInTimeSlices } from '../time-slices.js';
import { type NodeReport, type ReportObject, readReport } from './node-report.js';

/** How often a node confirms its report, in milliseconds; varied a little, so that not all do at once. */
export const RENEWAL_MILLISECONDS = 300_000;
/**
 * A node that has not confirmed its report for this long is silent: its daemon has ended, or cannot reach the API
 * server.
 */
export const SILENT_MILLISECONDS = 3 * RENEWAL_MILLISECONDS;
/**
 * A report that was found old may be renewed in this time, in milliseconds: after an outage of the API server all are
 * old, and their nodes try again every ten seconds.
 */
export const GRACE_MILLISECONDS = 30_000;
/** How far the clock of a node may be behind that of the one who reads. */
const SKEW_MILLISECONDS = 60_000;

interface Known {
  readonly text: string | undefined;
  readonly report: NodeReport | undefined;
  readonly renewed: string | undefined;
  /** When this renewal was seen first, by the clock of this process. */
  readonly since: number;
  /** Whether an earlier renewal was seen: then the clock of the node does not matter. */
  readonly isFollowed: boolean;
  readonly isSilent: boolean;
}

/** A report, and whether its node has fallen silent since, so that it is not known what it enforces. */
export interface TakenReport {
  readonly report: NodeReport;
  readonly isSilent: boolean;
}

export interface ReportsClock {
  /** Milliseconds that only grow. */
  readonly now: () => number;
  /** Milliseconds since the Unix epoch. */
  readonly date: () => number;
}

const CLOCK: ReportsClock = { now: () => performance.now(), date: () => Date.now() };

/** The reports of all nodes, read once each, and which of the nodes have fallen silent. */
export class ReportsOfNodes {
  #known = new Map<string, Known>();

  constructor(readonly clock: ReportsClock = CLOCK) {}

  /** @returns whether any report has changed, or a node fell silent or reported again: most renewals change nothing */
  take(objects: readonly ReportObject[]): Promise<boolean> {
    return finishInTimeSlices(this.#takeInSteps(objects));
  }

  *#takeInSteps(objects: readonly ReportObject[]): Steps<boolean> {
    const next = new Map<string, Known>();
    let hasChanged = false;
    for (const object of objects) {
      const { name } = object.metadata;
      const before = this.#known.get(name);
      const after = this.#read(object, before);
      if (after.report !== before?.report || after.isSilent !== before?.isSilent) hasChanged = true;
      next.set(name, after);
      if (isStep(next.size)) yield;
    }
    hasChanged ||= next.size !== this.#known.size;
    this.#known = next;
    return hasChanged;
  }

  /** Those that were taken last. */
  get reports(): readonly TakenReport[] {
    return [...this.#known.values()].flatMap(({ report, isSilent }) =>
      report === undefined ? [] : [{ report, isSilent }],
    );
  }

  #read(object: ReportObject, before: Known | undefined): Known {
    const { report: text, renewed } = object.data ?? {};
    const now = this.clock.now();
    const report = before !== undefined && before.text === text ? before.report : readReport(object);
    const isSame = before !== undefined && before.renewed === renewed && before.text === text;
    const since = isSame ? before.since : now;
    const isFollowed = isSame ? before.isFollowed : before !== undefined;
    return { text, report, renewed, since, isFollowed, isSilent: this.#isSilent(renewed, since, isFollowed) };
  }

  /** For a node without an earlier renewal its own clock counts. A report without renewals is from an older version. */
  #isSilent(renewed: string | undefined, since: number, isFollowed: boolean): boolean {
    if (renewed === undefined) return false;
    const age = this.clock.now() - since;
    if (age > SILENT_MILLISECONDS) return true;
    return (
      !isFollowed &&
      age > GRACE_MILLISECONDS &&
      this.clock.date() - Date.parse(renewed) > SILENT_MILLISECONDS + SKEW_MILLISECONDS
    );
  }
}
