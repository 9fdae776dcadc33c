import type { HostReports } from './control/host-state.js';
import type { IntegrityWatch } from './control/integrity-watch.js';
import type { SourceStatus, UnprotectedContainer, UnprotectedContainers } from './control/protection.js';
import { problemOf, type StoreProblem } from './control/store-status.js';
import type { Enforcer } from './kernel/enforcer.js';
import { describeMissing } from './kernel/missing-hooks.js';
import type { Store } from './store/store.js';

/** Follows something outside of the daemon, such as the runtimes of containers. */
export interface Follower {
  statuses(): readonly SourceStatus[];
  warnings(): readonly string[];
}

/** What the parts of the daemon contribute to the status of the host. Those that are made after it add themselves. */
export class DaemonReports implements HostReports {
  readonly #followers: Follower[] = [];
  readonly #problems: (() => string | undefined)[] = [];

  constructor(
    readonly kernel: Pick<Enforcer, 'missingHooks'>,
    readonly store: Pick<Store, 'problem' | 'damage' | 'witnessProblem'>,
    readonly integrity: Pick<IntegrityWatch, 'problem'>,
    readonly containers: Pick<UnprotectedContainers, 'list'>,
  ) {}

  addFollower(follower: Follower): void {
    this.#followers.push(follower);
  }

  /** @param problem what an operator should know and fix; undefined while there is nothing */
  addProblem(problem: () => string | undefined): void {
    this.#problems.push(problem);
  }

  kernelProblem(): string | undefined {
    return this.integrity.problem;
  }

  sources(): readonly SourceStatus[] {
    return this.#followers.flatMap((follower) => follower.statuses());
  }

  warnings(): readonly string[] {
    const problems = [...this.#problems.map((problem) => problem()), this.store.witnessProblem];
    return [
      ...this.kernel.missingHooks.map(describeMissing),
      ...this.#followers.flatMap((follower) => follower.warnings()),
      ...problems.filter((problem) => problem !== undefined),
    ];
  }

  storeProblem(): StoreProblem | undefined {
    return problemOf(this.store);
  }

  unprotected(): readonly UnprotectedContainer[] {
    return this.containers.list();
  }
}
