import type { HostStatus } from '../control/host-state.js';
import type { PolicyRegistry } from '../control/policy-registry.js';
import { trueCause } from '../sources/failure-cause.js';
import type { SourceLogger } from '../sources/source.js';
import { type ApiClient, ApiError } from './api-client.js';
import type { Verdict } from './cluster-policies.js';
import { type Condition, conditionsOf, merged, type PolicyReport, sentenceOf } from './conditions.js';
import { pathOfObject } from './policy-kinds.js';
import { keyOfNamed } from './policy-objects.js';

export interface StatusWriterOptions {
  readonly client: Pick<ApiClient, 'patch'>;
  readonly policies: Pick<PolicyRegistry, 'get' | 'containerIdsReachedBy'>;
  readonly verdicts: () => readonly Verdict[];
  readonly host: () => Pick<HostStatus, 'enforcing' | 'reason' | 'leftOut'>;
  readonly logger: SourceLogger;
}

/** Containers come and go in crowds, and every write is told to all who watch the policies. */
const GATHER_MILLISECONDS = 1000;
const RETRY_MILLISECONDS = 10_000;

/** Writes the status of the policies into Kubernetes, where it has changed. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #gatherMilliseconds: number;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #hasChanged = false;
  #isStopped = false;
  #problem: string | undefined;

  constructor(options: StatusWriterOptions, gatherMilliseconds = GATHER_MILLISECONDS) {
    this.#options = options;
    this.#gatherMilliseconds = gatherMilliseconds;
  }

  /** Why it cannot be written; undefined while it can. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** To be called when policies, containers or the daemon's own state may have changed. */
  changed(milliseconds = this.#gatherMilliseconds): void {
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
    await this.#writing;
  }

  async #write(): Promise<boolean> {
    const before = this.#problem;
    this.#problem = undefined;
    const host = this.#options.host();
    for (const verdict of this.#options.verdicts()) {
      try {
        await this.#writeOne(verdict, this.#reportOf(verdict, host));
      } catch (error) {
        // It is gone, and so is its status.
        if (error instanceof ApiError && error.code === 404) continue;
        this.#problem ??= trueCause(error);
      }
    }
    const { logger } = this.#options;
    if (this.#problem !== undefined && this.#problem !== before) {
      logger.warn({ reason: this.#problem }, 'the status of policies cannot be written to Kubernetes: trying again');
    }
    return this.#problem === undefined;
  }

  #reportOf(
    { read, refusal, warnings }: Verdict,
    { enforcing, reason, leftOut }: ReturnType<StatusWriterOptions['host']>,
  ) {
    const { policies } = this.#options;
    const key = keyOfNamed(read);
    const policy = policies.get(read.named);
    const ids = policy === undefined ? [] : policies.containerIdsReachedBy(policy);
    const report: PolicyReport = {
      refusal,
      warnings,
      isHeld: policy !== undefined,
      containers: ids.length,
      leftOut: ids.filter((id) => leftOut.get(id)?.includes(key)).length,
      nodes: policy === undefined ? 0 : 1,
      problem: enforcing ? undefined : reason,
    };
    return report;
  }

  async #writeOne({ read: { kind, object } }: Verdict, report: PolicyReport): Promise<void> {
    const path = `${pathOfObject(kind, object.metadata)}/status`;
    const wanted = conditionsOf(report);
    if (kind.origin === 'kubernetes-kubearmor') {
      const status = sentenceOf(wanted);
      if ((object.status as { status?: string } | undefined)?.status === status) return;
      await this.#options.client.patch(path, { status: { status } });
      return;
    }
    const { conditions = [], ...counts } = (object.status ?? {}) as Status;
    const next = merged(conditions, wanted, object.metadata.generation, new Date());
    const { containers, nodes } = report;
    if (next === undefined && counts.containers === containers && counts.nodes === nodes) return;
    await this.#options.client.patch(path, { status: { conditions: next ?? conditions, containers, nodes } });
  }
}

interface Status {
  readonly conditions?: readonly Condition[];
  readonly containers?: number;
  readonly nodes?: number;
}
