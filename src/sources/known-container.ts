import { isDeepStrictEqual } from 'node:util';
import type { Container, ContainerDescription, ProcessIdentity } from '../containers/container.js';
import { isAlive, processIdentity } from '../containers/procfs.js';
import type { SourceContainer } from './source.js';

/** Who reports a container, and how much it knows. */
export interface Reporter {
  /** Identifies this source among all others. */
  readonly key: string;
  readonly name: string;
  readonly origin: ContainerDescription['origin'];
}

/** The hook knows a runtime's containers before the runtime's own source does, and never more. */
const RANKS: Readonly<Record<ContainerDescription['origin'], number>> = {
  registered: 0,
  host: 0,
  podman: 1,
  docker: 2,
  cri: 3,
};
export const HOOK_KEY = 'hook';

/** What is known about one container, by who reported it, and its stage of registration. */
export class KnownContainer {
  readonly id: string;
  readonly #reports = new Map<string, { readonly reporter: Reporter; readonly container: SourceContainer }>();
  #pid = 0;
  #process: ProcessIdentity | undefined;
  /** The registration that is in force. */
  held: SourceContainer | undefined;
  stage: 'idle' | 'queued' | 'under way' = 'idle';
  /** Something was reported while an attempt was under way. */
  hasChanged = false;
  /** Attempts in a row that failed. */
  failures = 0;
  /** The reason last logged, so that only a new one is logged again. */
  reason: string | undefined;
  timer: NodeJS.Timeout | undefined;

  /** @param refine adds what others know about the container */
  constructor(
    id: string,
    readonly refine: (description: ContainerDescription) => ContainerDescription = (description) => description,
  ) {
    this.id = id;
  }

  report(reporter: Reporter, container: SourceContainer): void {
    this.#reports.set(reporter.key, { reporter, container });
    // The last one reported: after a restart under the same id, earlier ones have ended.
    if (this.#pid === container.pid && this.isAlive) return;
    this.#pid = container.pid;
    this.#process = identityOf(container.pid);
    // It may be another process with the same number, for which nothing is in force yet.
    this.held = undefined;
  }

  /** @returns whether nobody else reports it */
  withdraw(key: string): boolean {
    this.#reports.delete(key);
    return this.#reports.size === 0;
  }

  isReportedBy(key: string): boolean {
    return this.#reports.has(key);
  }

  /** Whether others report it too, or this source has again since: it runs then, whatever was to become of its start. */
  isReportedBesides(key: string, container: SourceContainer): boolean {
    return this.#reports.size > 1 || this.#reports.get(key)?.container !== container;
  }

  /** The hook does not report a container's end. */
  get isReportedByHookOnly(): boolean {
    return this.#reports.size === 1 && this.#reports.has(HOOK_KEY);
  }

  /** Whether its process, as last reported, still runs. */
  get isAlive(): boolean {
    return this.#process !== undefined && isAlive(this.#process);
  }

  get reporterNames(): string[] {
    return [...this.#reports.values()].map(({ reporter }) => reporter.name);
  }

  /** The best that was reported. */
  get facts(): SourceContainer {
    const reports = [...this.#reports.values()].sort((a, b) => rankOf(b.reporter) - rankOf(a.reporter));
    const { description } = reports[0]!.container;
    // Not all know it.
    const [image] = reports.flatMap(({ container }) => container.description.image ?? []);
    return { description: this.refine({ ...description, ...(image !== undefined && { image }) }), pid: this.#pid };
  }

  get isHeld(): boolean {
    return this.held !== undefined && isDeepStrictEqual(this.held, this.facts);
  }
}

function rankOf({ key, origin }: Reporter): number {
  return RANKS[origin] - (key === HOOK_KEY ? 0.5 : 0);
}

function identityOf(pid: number): ProcessIdentity | undefined {
  try {
    return processIdentity(pid);
  } catch {
    // It has ended.
    return undefined;
  }
}

/** Whether a registered container still runs, as far as its process says so. */
export function runs(container: Container | undefined): boolean {
  return container?.process !== undefined && isAlive(container.process);
}

/**
 * Whether a controller has registered this very process itself: what it says takes precedence over what a runtime says.
 */
export function isOfController(container: Container | undefined, pid: number): boolean {
  return container?.origin === 'registered' && container.process?.pid === pid && runs(container);
}
