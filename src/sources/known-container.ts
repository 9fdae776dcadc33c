import { isDeepStrictEqual } from 'node:util';
import type { Container, ContainerDescription, ProcessIdentity } from '../containers/container.js';
import { isAlive, processIdentity } from '../containers/procfs.js';
import type { SourceContainer } from './source.js';

/** Who tells of a container, and how much it knows. */
export interface Teller {
  /** Tells this source from all others. */
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

/** What is known of one container, by whoever told of it, and how far it has come. */
export class KnownContainer {
  readonly id: string;
  readonly #told = new Map<string, { readonly teller: Teller; readonly container: SourceContainer }>();
  #pid = 0;
  #process: ProcessIdentity | undefined;
  /** What is in force of it. */
  held: SourceContainer | undefined;
  stage: 'idle' | 'queued' | 'under way' = 'idle';
  /** Something was told while an attempt was under way. */
  hasChanged = false;
  /** Attempts in a row that failed. */
  failures = 0;
  /** What the log was told last, so that it is told again only of something else. */
  reason: string | undefined;
  timer: NodeJS.Timeout | undefined;

  /** @param refine adds to what was told what others know of the container */
  constructor(
    id: string,
    readonly refine: (description: ContainerDescription) => ContainerDescription = (description) => description,
  ) {
    this.id = id;
  }

  tell(teller: Teller, container: SourceContainer): void {
    this.#told.set(teller.key, { teller, container });
    // The last one told: after a restart under the same id, earlier ones have ended.
    if (this.#pid === container.pid && this.isAlive) return;
    this.#pid = container.pid;
    this.#process = identityOf(container.pid);
    // Another process may have the number of the one before: nothing is in force of it yet.
    this.held = undefined;
  }

  /** @returns whether nobody else tells of it */
  untell(key: string): boolean {
    this.#told.delete(key);
    return this.#told.size === 0;
  }

  isToldBy(key: string): boolean {
    return this.#told.has(key);
  }

  /** The hook does not tell of a container's end. */
  get isToldByHookAlone(): boolean {
    return this.#told.size === 1 && this.#told.has(HOOK_KEY);
  }

  /** Whether its process, as last told, still runs. */
  get isAlive(): boolean {
    return this.#process !== undefined && isAlive(this.#process);
  }

  get tellers(): string[] {
    return [...this.#told.values()].map(({ teller }) => teller.name);
  }

  /** The best that was told. */
  get facts(): SourceContainer {
    const [best] = [...this.#told.values()].sort((a, b) => rankOf(b.teller) - rankOf(a.teller));
    return { description: this.refine(best!.container.description), pid: this.#pid };
  }

  get isHeld(): boolean {
    return this.held !== undefined && isDeepStrictEqual(this.held, this.facts);
  }
}

function rankOf({ key, origin }: Teller): number {
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

/** Whether a controller has registered this very process itself: what it says goes before what a runtime says. */
export function isOfController(container: Container | undefined, pid: number): boolean {
  return container?.origin === 'registered' && container.process?.pid === pid && runs(container);
}
