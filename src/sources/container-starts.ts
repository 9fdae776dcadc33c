import type { ContainerDescription } from '../containers/container.js';
import type { IntakeCounts } from '../control/intake-counts.js';
import type { ContainerIntake } from './container-intake.js';
import { trueCause } from './failure-cause.js';
import { rootBeforeSwitch } from './hook-bundle.js';
import type { HookFacts } from './hook-facts.js';
import type { HookAnswer, HookRequest, HookRuntime, StartAnswer } from './hook-request.js';
import { HOOK_KEY, type Reporter } from './known-container.js';
import type { SourceContainer, SourceLogger } from './source.js';

const ORIGINS: Readonly<Record<HookRuntime, ContainerDescription['origin']>> = {
  docker: 'docker',
  containerd: 'cri',
  crio: 'cri',
  podman: 'podman',
};

export interface ContainerStartsOptions {
  readonly intake: Pick<ContainerIntake, 'takeInStarting' | 'sinkOf'>;
  readonly facts: Pick<HookFacts, 'describe'>;
  readonly registry: { leftOutOf(id: string): readonly string[] };
  readonly counts: IntakeCounts;
  readonly logger: SourceLogger;
  /** Where the host's files are seen: empty, or `/proc/1/root` from inside a container. */
  readonly hostRoot: string;
}

/** Answers whether containers may run their first instruction. */
export class ContainerStarts {
  readonly #options: ContainerStartsOptions;

  constructor(options: ContainerStartsOptions) {
    this.#options = options;
  }

  /** Answers a runtime's hook about a container. */
  async answer(request: HookRequest): Promise<HookAnswer> {
    const reporter = { key: HOOK_KEY, name: 'hook', origin: ORIGINS[request.runtime] };
    const startsAnyway = request.onFailure === 'allow';
    let description: ContainerDescription | undefined;
    let root: string | undefined;
    try {
      description = await this.#options.facts.describe(request);
      if (description === undefined)
        return this.#count({ outcome: 'ignored', reason: 'it is the pause container of a pod' }, false);
      root = await rootBeforeSwitch(request, this.#options.hostRoot);
    } catch (error) {
      return this.#unknown(request, reporter, description, error);
    }
    return this.protect(reporter, { description, pid: request.pid }, root, startsAnyway);
  }

  /**
   * Resolves once the container's policies are in force, or cannot be.
   *
   * @param root where its root is on the host, until it is the process's own root
   */
  async protect(
    reporter: Reporter,
    container: SourceContainer,
    root: string | undefined,
    startsAnyway: boolean,
  ): Promise<StartAnswer> {
    const { intake, registry } = this.#options;
    const { id } = container.description;
    return new Promise((resolve) => {
      const onVisible = () => {
        const leftOut = registry.leftOutOf(id);
        const reason = `its policies do not compile together: ${leftOut.join(', ')} would not be in force`;
        const answer: StartAnswer =
          leftOut.length === 0 ? { outcome: 'protected' } : { outcome: 'unprotected', reason };
        resolve(this.#count(answer, startsAnyway));
      };
      let answered = false;
      const once = (answer: () => void) => {
        if (!answered) answer();
        answered = true;
      };
      intake
        .takeInStarting(reporter, {
          container,
          startsAnyway,
          onVisible: () => once(onVisible),
          ...(root !== undefined && { root }),
        })
        .then(
          () => once(onVisible),
          (error) =>
            once(() => resolve(this.#count({ outcome: 'unprotected', reason: trueCause(error) }, startsAnyway))),
        );
    });
  }

  /** If it is not known which container it is, it starts under the policies for all containers, if it starts at all. */
  #unknown(
    { id, pid, runtime, onFailure }: HookRequest,
    reporter: Reporter,
    description: ContainerDescription | undefined,
    error: unknown,
  ): HookAnswer {
    const { counts, logger, intake } = this.#options;
    const reason = trueCause(error);
    const startsAnyway = onFailure === 'allow';
    counts.failures.lookup++;
    logger.warn(
      { container: id, runtime, startsAnyway, reason },
      'it cannot be determined which container is being started',
    );
    if (startsAnyway) {
      const { origin } = reporter;
      const named = description ?? { id, name: id.slice(0, 12), namespace: 'default', labels: {}, origin };
      intake.sinkOf(reporter).started({ description: named, pid });
    }
    return this.#count({ outcome: 'unprotected', reason }, startsAnyway);
  }

  #count<Answer extends HookAnswer>(answer: Answer, startsAnyway: boolean): Answer {
    const { counts } = this.#options;
    counts.starts[answer.outcome]++;
    if (answer.outcome === 'unprotected' && !startsAnyway) counts.refusedStarts++;
    return answer;
  }
}
