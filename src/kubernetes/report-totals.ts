import { inTimeSlices } from '../time-slices.js';
import type { NodeReport } from './node-report.js';
import type { TakenReport } from './reports-of-nodes.js';

/** The totals of all nodes' reports about a policy; silent nodes are not counted. */
export interface ReportTotals {
  readonly containers: number;
  readonly leftOut: number;
  readonly overridden: number;
  /** Nodes that enforce it. */
  readonly nodes: number;
  /** The first of these whose kernel does not hold what it should. */
  readonly troubled?: Pick<NodeReport, 'node' | 'reason'>;
  /** Nodes whose last report has the policy, and that have fallen silent since. */
  readonly silent: number;
  /** The first of these. */
  readonly firstSilent?: string;
}

export const NO_TOTALS: ReportTotals = { containers: 0, leftOut: 0, overridden: 0, nodes: 0, silent: 0 };

/** By policy key. Each report is processed once, however many policies it does not mention. */
export async function totalsOf(reports: Iterable<TakenReport>): Promise<ReadonlyMap<string, ReportTotals>> {
  const totals = new Map<string, ReportTotals>();
  for await (const { report, isSilent } of inTimeSlices(reports)) {
    const { node, reason, enforcing, policies } = report;
    for (const [key, [containers, leftOut = 0, overridden = 0]] of Object.entries(policies)) {
      const before = totals.get(key) ?? NO_TOTALS;
      if (isSilent) {
        totals.set(key, { ...before, silent: before.silent + 1, firstSilent: before.firstSilent ?? node });
        continue;
      }
      const troubled = before.troubled ?? (enforcing ? undefined : { node, reason });
      totals.set(key, {
        ...before,
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
