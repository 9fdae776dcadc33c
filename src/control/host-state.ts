import { release } from 'node:os';
import type { Enforcer } from '../kernel/enforcer.js';
import type { MissingHook } from '../kernel/missing-hooks.js';
import { securityModules } from '../kernel/support.js';
import { isTested } from '../kernel/tested-kernels.js';
import { VERSION } from '../version.js';
import type { Enforcement } from './enforcement.js';
import type { Ledger } from './ledger.js';
import type { SourceStatus, UnprotectedContainer } from './protection.js';
import type { StoreProblem } from './store-status.js';

/** The state of the daemon and of its kernel. */
export interface HostStatus {
  readonly version: string;
  readonly kernelRelease: string;
  readonly securityModules: readonly string[];
  readonly enforcing: boolean;
  /** Why not, when not; empty otherwise. */
  readonly reason: string;
  readonly programs: readonly string[];
  readonly missingHooks: readonly MissingHook[];
  readonly kernelTested: boolean;
  readonly policies: number;
  readonly containers: number;
  readonly images: number;
  readonly started: Date;
  readonly adopted: boolean;
  /** Counts the changes that were written down. */
  readonly revision: number;
  /** The one the kernel holds. */
  readonly enforcedRevision: number;
  readonly sources: readonly SourceStatus[];
  /** Why changes cannot be written down; left out while they can be. */
  readonly storeProblem?: StoreProblem | undefined;
  /** What an operator should know and fix. */
  readonly warnings: readonly string[];
  readonly unprotected: readonly UnprotectedContainer[];
  /** By container id: policies that reach it and are not in force in it, "namespace/name". */
  readonly leftOut: ReadonlyMap<string, readonly string[]>;
}

/** What the sources of containers and the watch over the kernel know. */
export interface HostReports {
  /** What others have changed in the kernel and could not be put right; undefined while there is no such thing. */
  kernelProblem(): string | undefined;
  sources(): readonly SourceStatus[];
  warnings(): readonly string[];
  unprotected(): readonly UnprotectedContainer[];
  /** Why changes cannot be written down. */
  storeProblem?(): StoreProblem | undefined;
}

/** The state of the daemon and of its kernel, and who is notified of it. */
export class HostState {
  readonly #listeners = new Set<(status: HostStatus) => void>();
  readonly #started = new Date();
  readonly #kernelRelease = release();
  readonly #securityModules = securityModules();

  constructor(
    readonly kernel: Pick<Enforcer, 'adopted' | 'programNames' | 'missingHooks'>,
    readonly enforcement: Pick<Enforcement, 'divergence' | 'imageCount' | 'leftOut'>,
    readonly ledger: Pick<Ledger, 'desired' | 'revision' | 'enforcedRevision' | 'whenEnforced'>,
    readonly reports: HostReports,
  ) {}

  status(): HostStatus {
    const storeProblem = this.reports.storeProblem?.();
    // Whether the kernel holds what was acknowledged is not known then.
    const damage = storeProblem?.cause === 'damaged' ? storeProblem.reason : undefined;
    const problem = damage ?? this.enforcement.divergence ?? this.reports.kernelProblem();
    return {
      version: VERSION,
      kernelRelease: this.#kernelRelease,
      securityModules: this.#securityModules,
      enforcing: problem === undefined,
      reason: problem ?? '',
      programs: this.kernel.programNames,
      missingHooks: this.kernel.missingHooks,
      kernelTested: isTested(this.#kernelRelease),
      policies: this.ledger.desired.policies.size,
      containers: this.ledger.desired.containers.size,
      images: this.enforcement.imageCount,
      started: this.#started,
      adopted: this.kernel.adopted,
      revision: this.ledger.revision,
      enforcedRevision: this.ledger.enforcedRevision,
      sources: this.reports.sources(),
      ...(storeProblem !== undefined && { storeProblem }),
      warnings: [...(storeProblem === undefined ? [] : [storeProblem.reason]), ...this.reports.warnings()],
      unprotected: this.reports.unprotected(),
      leftOut: this.enforcement.leftOut,
    };
  }

  /** See Ledger.whenEnforced. */
  whenEnforced(revision: number, givenUp: AbortSignal): Promise<number | undefined> {
    return this.ledger.whenEnforced(revision, givenUp);
  }

  /** Tells every listener the current state. */
  announce(): void {
    const status = this.status();
    for (const listener of this.#listeners) listener(status);
  }

  onStatusChange(listener: (status: HostStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
