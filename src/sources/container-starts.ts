import type { ContainerDescription } from '../containers/container.js';
import type { IntakeCounts } from '../control/intake-counts.js';
import type { ContainerIntake } from './container-intake.js';
import { trueCause } from './failure-cause.js';
import { startsUnprotected } from './held-start.js';
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

/** The hook has an answer that was sent so long before its deadline. */
const MARGIN_MILLISECONDS = 100;
/** More than the hook can be set to wait. */
const WAIT_MILLISECONDS_MAX = 600_000;

/** A container whose first instruction waits for its policies. */
export interface HeldStart {
  readonly reporter: Reporter;
  readonly container: SourceContainer;
  /** See ContainerProcess. */
  readonly root?: string;
  /** Whether it starts also when it is not protected. */
  readonly startsAnyway: boolean;
  /** Aborts, with an Error that says why, when nobody waits any more. */
  readonly held: AbortSignal;
}

/** A start of which the runtime does not tell enough to find the container's process or policies. */
export interface UnknownStart {
  /** What the log calls the source. */
  readonly source: string;
  /** Absent where not even that is known. */
  readonly container?: ContainerDescription | undefined;
  /** Whether it starts all the same. */
  readonly startsAnyway: boolean;
  readonly reason: string;
}

/** Answers whether containers may run their first instruction. */
export class ContainerStarts {
  readonly #options: ContainerStartsOptions;

  constructor(options: ContainerStartsOptions) {
    this.#options = options;
  }

  /** Answers a runtime's hook about a container. */
  async answer(request: HookRequest): Promise<HookAnswer> {
    const { held, release } = holdUntil(request.deadline);
    try {
      return await this.#answer(request, held);
    } finally {
      release();
    }
  }

  /** Resolves once the container's policies are in force, or cannot be, or nobody waits for it any more. */
  async protect(start: HeldStart): Promise<StartAnswer> {
    const answer = await this.#takeIn(start);
    const startsAnyway = startsUnprotected(start);
    if (answer.outcome === 'unprotected') this.#reportUnprotected({ ...start, startsAnyway }, answer.reason);
    return this.#count(answer, startsAnyway);
  }

  /** Counts and logs a start that cannot be protected. */
  reportUnknown({ source, container, startsAnyway, reason }: UnknownStart): void {
    const { counts } = this.#options;
    this.#logUnknown({ container: container?.id, name: container?.name, source, startsAnyway, reason });
    if (startsAnyway) counts.startsWithoutProtection++;
    this.#count({ outcome: 'unprotected', reason }, startsAnyway);
  }

  async #answer(request: HookRequest, held: AbortSignal): Promise<HookAnswer> {
    const reporter = { key: HOOK_KEY, name: 'hook', origin: ORIGINS[request.runtime] };
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
    const container = { description, pid: request.pid };
    const startsAnyway = request.onFailure === 'allow';
    return this.protect({ reporter, container, startsAnyway, held, ...(root !== undefined && { root }) });
  }

  /** The first that happens is the answer. */
  #takeIn({ reporter, ...start }: HeldStart): Promise<StartAnswer> {
    const { intake, registry } = this.#options;
    return new Promise((resolve) => {
      const unprotected = (reason: string) => resolve({ outcome: 'unprotected', reason });
      const onVisible = () => {
        const leftOut = registry.leftOutOf(start.container.description.id);
        if (leftOut.length === 0) resolve({ outcome: 'protected' });
        else unprotected(`its policies do not compile together: ${leftOut.join(', ')} would not be in force`);
      };
      const registered = intake.takeInStarting(reporter, { ...start, onVisible });
      const onLate = () => unprotected(trueCause(start.held.reason));
      if (start.held.aborted) onLate();
      start.held.addEventListener('abort', onLate, { once: true });
      registered
        .then(onVisible, (error) => unprotected(trueCause(error)))
        .finally(() => start.held.removeEventListener('abort', onLate));
    });
  }

  #reportUnprotected({ reporter, container, startsAnyway }: HeldStart, reason: string): void {
    const { counts, logger } = this.#options;
    const { id, name, namespace } = container.description;
    const fields = { container: id, name, namespace, source: reporter.name, reason };
    if (!startsAnyway) {
      logger.warn(fields, 'the start of a container is refused');
      return;
    }
    // The hook records itself what it lets start.
    if (reporter.key === HOOK_KEY) return;
    counts.startsWithoutProtection++;
    logger.warn(fields, 'a container has started without protection');
  }

  /** If it is not known which container it is, it starts under the policies for all containers, if it starts at all. */
  #unknown(
    { id, pid, runtime, onFailure }: HookRequest,
    reporter: Reporter,
    description: ContainerDescription | undefined,
    error: unknown,
  ): HookAnswer {
    const { intake } = this.#options;
    const reason = trueCause(error);
    const startsAnyway = onFailure === 'allow';
    this.#logUnknown({ container: id, runtime, startsAnyway, reason });
    if (startsAnyway) {
      const { origin } = reporter;
      const named = description ?? { id, name: id.slice(0, 12), namespace: 'default', labels: {}, origin };
      intake.sinkOf(reporter).started({ description: named, pid });
    }
    return this.#count({ outcome: 'unprotected', reason }, startsAnyway);
  }

  #logUnknown(fields: Readonly<Record<string, unknown>>): void {
    this.#options.counts.failures.lookup++;
    this.#options.logger.warn(fields, 'it cannot be determined which container is being started');
  }

  #count<Answer extends HookAnswer>(answer: Answer, startsAnyway: boolean): Answer {
    const { counts } = this.#options;
    counts.starts[answer.outcome]++;
    if (answer.outcome === 'unprotected' && !startsAnyway) counts.refusedStarts++;
    return answer;
  }
}

/** A signal that aborts shortly before a time of the monotonic clock, in milliseconds, or never. */
function holdUntil(deadline: number | undefined): { readonly held: AbortSignal; release(): void } {
  const controller = new AbortController();
  if (deadline === undefined) return { held: controller.signal, release: () => undefined };
  const left = deadline - MARGIN_MILLISECONDS - Number(process.hrtime.bigint() / 1_000_000n);
  const giveUp = () => controller.abort(new Error('it was not under its policies in time'));
  if (left <= 0) giveUp();
  const timer = setTimeout(giveUp, Math.min(Math.max(left, 0), WAIT_MILLISECONDS_MAX));
  return { held: controller.signal, release: () => clearTimeout(timer) };
}
