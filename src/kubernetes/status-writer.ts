import type { Backoff } from '../backoff.js';
import type { HostStatus } from '../control/host-state.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { trueCause } from '../sources/failure-cause.js';
import type { SourceLogger } from '../sources/source.js';
import { inTimeSlices } from '../time-slices.js';
import type { UnknownSetting } from './annotations.js';
import { type ApiClient, ApiError } from './api-client.js';
import type { Verdict } from './cluster-policies.js';
import {
  type Condition,
  conditionsOf,
  isSameButCounts,
  isSameSentenceButCounts,
  merged,
  type NewCondition,
  type PolicyReport,
  sentenceOf,
} from './conditions.js';
import { FollowedReports } from './followed-reports.js';
import { Lease, type LeaseTimes } from './lease.js';
import { type NodeReport, renewReport, reportOfNode, writeReport } from './node-report.js';
import { pathOfObject } from './policy-kinds.js';
import { keyOfNamed, type PolicyObject } from './policy-objects.js';
import { NO_TOTALS, type ReportTotals, totalsOf } from './report-totals.js';
import { RENEWAL_MILLISECONDS, type TakenReport } from './reports-of-nodes.js';
import { WarningEvents } from './warning-events.js';

export interface StatusWriterOptions {
  readonly client: ApiClient;
  /** Where the reports of nodes and the lease are. */
  readonly namespace: string;
  readonly node: string;
  readonly policies: Pick<PolicyRegistry, 'get' | 'containerIdsReachedBy'>;
  readonly verdicts: () => readonly Verdict[];
  readonly host: () => Pick<HostStatus, 'enforcing' | 'reason' | 'leftOut'>;
  /** Settings of namespaces and of the cluster that are not followed. */
  readonly unknownSettings?: () => readonly UnknownSetting[];
  /** Whether the pod of a container overrides its policies. */
  readonly isOverridden: (containerId: string) => boolean;
  readonly logger: SourceLogger;
  readonly times?: LeaseTimes;
  /** How often a report that has not changed is renewed, in milliseconds. */
  readonly renewal?: number;
  readonly backoff?: Backoff;
}

/** Containers come and go in bursts, and every write is sent to all who watch the policies. */
const GATHER_MILLISECONDS = 1000;
const RETRY_MILLISECONDS = 10_000;
/**
 * Where only numbers have changed, the status of a policy is written again after this time for each node that receives
 * it.
 */
const COUNTS_MILLISECONDS_PER_NODE = 12;

/**
 * Reports the state of its policies to Kubernetes. Each node writes its own report when that has changed; the one that
 * holds the lease adds all of them up into the status of the policies, so that a thousand nodes do not write it.
 */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #lease: Lease;
  readonly #events: WarningEvents;
  #reports: FollowedReports | undefined;
  #written: string | undefined;
  #isRenewalDue = false;
  #renewal: NodeJS.Timeout | undefined;
  /** When the status of a policy was written last, by its key. */
  #reported = new Map<string, number>();
  #later: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #hasChanged = false;
  #isStopped = false;
  #problem: string | undefined;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    const { client, namespace, node: identity, times } = options;
    const onChange = (isHeld: boolean) => this.#elected(isHeld);
    this.#events = new WarningEvents(client, identity);
    this.#lease = new Lease({ client, namespace, name: 'policy-status', identity, onChange, ...(times && { times }) });
  }

  /** Why it cannot be written; undefined while it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#lease.start();
  }

  /** To be called when policies, containers or the daemon's own state may have changed. */
  changed(milliseconds = GATHER_MILLISECONDS): void {
    this.#hasChanged = true;
    if (this.#isStopped || this.#timer !== undefined || this.#writing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#hasChanged = false;
      this.#writing = this.#write().then((isDone) => {
        this.#writing = undefined;
        if (!isDone) this.changed(RETRY_MILLISECONDS);
        else if (this.#hasChanged) this.changed();
      });
    }, milliseconds);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#later);
    clearTimeout(this.#renewal);
    await this.#writing;
    await this.#lease.stop();
    await this.#reports?.stop();
  }

  #elected(isHeld: boolean): void {
    const { client, namespace, logger, backoff } = this.#options;
    void this.#reports?.stop();
    this.#reports = undefined;
    this.#events.clear();
    this.#reported.clear();
    clearTimeout(this.#later);
    if (!isHeld) return;
    logger.info({}, 'this node writes the status of policies');
    this.#reports = new FollowedReports(client, namespace, () => this.changed(), backoff);
  }

  async #write(): Promise<boolean> {
    const { verdicts, policies, host, node, logger } = this.#options;
    const before = this.#problem;
    this.#problem = undefined;
    const own = await reportOfNode(node, verdicts(), policies, host(), this.#options.isOverridden);
    await this.#tryTo(() => this.#writeOwn(own));
    if (this.#lease.isHeld && this.#reports?.isListed) {
      const others = (await this.#reports.taken()).filter(({ report }) => report.node !== node);
      await this.#writeAll(verdicts(), [{ report: own, isSilent: false }, ...others]);
    }
    if (this.#problem !== undefined && this.#problem !== before) {
      logger.warn({ reason: this.#problem }, 'the status of policies cannot be written to Kubernetes: trying again');
    }
    return this.#problem === undefined;
  }

  async #writeAll(verdicts: readonly Verdict[], nodes: readonly TakenReport[]): Promise<void> {
    const settings = this.#options.unknownSettings?.() ?? [];
    const objects = [...verdicts.map(({ read }) => read.object), ...settings.map(({ object }) => object)];
    this.#events.keep(new Set(objects.map(({ metadata }) => metadata.uid ?? '')));
    for (const each of settings) await this.#tryTo(() => this.#events.reportSetting(each));
    const keys = new Set(verdicts.map(({ read }) => keyOfNamed(read)));
    for (const key of this.#reported.keys()) if (!keys.has(key)) this.#reported.delete(key);
    const totals = await totalsOf(nodes);
    const wait = COUNTS_MILLISECONDS_PER_NODE * nodes.length;
    let isLeft = false;
    for await (const verdict of inTimeSlices(verdicts)) {
      // It may take long, and another node may do it by now.
      if (this.#isStopped || !this.#lease.isHeld) return;
      const report = this.#reportOf(verdict, totals);
      const conditions = conditionsOf(report);
      const isDue = performance.now() - (this.#reported.get(keyOfNamed(verdict.read)) ?? -wait) >= wait;
      await this.#tryTo(async () => {
        if (!(await this.#writeOne(verdict, report, conditions, isDue))) isLeft = true;
      });
      // A namespace may be allowed no more Events.
      await this.#tryTo(() => this.#events.report(verdict.read, conditions));
    }
    clearTimeout(this.#later);
    if (isLeft && !this.#isStopped) this.#later = setTimeout(() => this.changed(0), wait);
  }

  async #tryTo(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#problem ??= trueCause(error);
    }
  }

  async #writeOwn(report: NodeReport): Promise<void> {
    const { client, namespace } = this.#options;
    const text = JSON.stringify(report);
    if (this.#written === text && !this.#isRenewalDue) return;
    try {
      if (this.#written === text) await renewReport(client, namespace, report.node);
      else await writeReport(client, namespace, report);
    } catch (error) {
      // Somebody has deleted it: all of it is written at the next attempt.
      this.#written = undefined;
      throw error;
    }
    this.#written = text;
    this.#renewLater();
  }

  /** An unchanged report is renewed from time to time: otherwise a daemon that has ended would be counted forever. */
  #renewLater(): void {
    this.#isRenewalDue = false;
    clearTimeout(this.#renewal);
    if (this.#isStopped) return;
    const due = () => {
      this.#isRenewalDue = true;
      this.changed(0);
    };
    const { renewal = RENEWAL_MILLISECONDS } = this.#options;
    this.#renewal = setTimeout(due, renewal * (0.75 + Math.random() / 2));
  }

  #reportOf({ read, refusal, warnings }: Verdict, totals: ReadonlyMap<string, ReportTotals>): PolicyReport {
    const { troubled, silent, firstSilent, ...counts } = totals.get(keyOfNamed(read)) ?? NO_TOTALS;
    return {
      ...counts,
      refusal,
      warnings,
      isHeld: this.#options.policies.get(read.named) !== undefined,
      problem: troubled && `node ${troubled.node} does not enforce: ${troubled.reason}`,
      silent,
      firstSilent,
    };
  }

  /** @returns false where only numbers have changed, and it is not due yet */
  async #writeOne(
    { read }: Verdict,
    report: PolicyReport,
    conditions: readonly NewCondition[],
    isDue: boolean,
  ): Promise<boolean> {
    const { kind, object } = read;
    const path = `${pathOfObject(kind, object.metadata)}/status`;
    const isOurs = kind.origin === 'kubernetes';
    const status = newStatus(isOurs, object, report, conditions);
    if (status === undefined) return true;
    if (!isDue && isNumbersAlone(isOurs, object, conditions)) return false;
    try {
      await this.#options.client.patch(path, { status });
      this.#reported.set(keyOfNamed(read), performance.now());
    } catch (error) {
      // It is gone, and so is its status.
      if (!(error instanceof ApiError) || error.code !== 404) throw error;
    }
    return true;
  }
}

function isNumbersAlone(isOurs: boolean, { status, metadata }: PolicyObject, wanted: readonly NewCondition[]): boolean {
  const before = (status ?? {}) as Status;
  if (isOurs) return isSameButCounts(before.conditions ?? [], wanted, metadata.generation);
  return isSameSentenceButCounts(before.status ?? '', sentenceOf(wanted));
}

/** What is to be written; undefined where it is there. */
function newStatus(
  isOurs: boolean,
  object: Verdict['read']['object'],
  report: PolicyReport,
  wanted: readonly NewCondition[],
): object | undefined {
  const before = (object.status ?? {}) as Status;
  if (!isOurs) {
    const status = sentenceOf(wanted);
    return before.status === status ? undefined : { status };
  }
  const { conditions = [] } = before;
  const next = merged(conditions, wanted, object.metadata.generation, new Date());
  const { containers, nodes } = report;
  if (next === undefined && before.containers === containers && before.nodes === nodes) return undefined;
  return { conditions: next ?? conditions, containers, nodes };
}

interface Status {
  /** All that KubeArmor's kinds have. */
  readonly status?: string;
  readonly conditions?: readonly Condition[];
  readonly containers?: number;
  readonly nodes?: number;
}
