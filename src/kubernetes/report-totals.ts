import type { NodeReport } from './node-report.js';

/** What all nodes together say of a policy. */
export interface ReportTotals {
  readonly containers: number;
  readonly leftOut: number;
  readonly overridden: number;
  /** Nodes that enforce it. */
  readonly nodes: number;
  /** The first of these whose kernel does not hold what it should. */
  readonly troubled?: Pick<NodeReport, 'node' | 'reason'>;
}

export const NO_TOTALS: ReportTotals = { containers: 0, leftOut: 0, overridden: 0, nodes: 0 };

/** By policy key. Each report is gone through once, whatever number of policies there is that it says nothing of. */
export function totalsOf(reports: Iterable<NodeReport>): ReadonlyMap<string, ReportTotals> {
  const totals = new Map<string, ReportTotals>();
  for (const { node, reason, enforcing, policies } of reports) {
    for (const [key, [containers, leftOut = 0, overridden = 0]] of Object.entries(policies)) {
      const before = totals.get(key) ?? NO_TOTALS;
      const troubled = before.troubled ?? (enforcing ? undefined : { node, reason });
      totals.set(key, {
        containers: before.containers + containers,
        leftOut: before.leftOut + leftOut,
        overridden: before.overridden + overridden,
        nodes: before.nodes + 1,
        ...(troubled && { troubled }),
      });
    }
  }
  return totals;
}
