import type { Enforcer } from '../kernel/enforcer.js';
import { inTimeSlices } from '../time-slices.js';
import type { Published } from './assignments.js';
import type { Enforcement } from './enforcement.js';
import type { Ledger } from './ledger.js';

interface Logger {
  warn(fields: object, message: string): void;
}

/** How often it is checked whether the kernel still has what it was given. */
const LOOK_MILLISECONDS = 3000;
/** How many containers are checked each time, in turn: thousands must not hold up the event loop. */
const CONTAINERS_A_LOOK = 1000;
const IDS_LOGGED_MAX = 10;

/** What others have changed of the enforcement in the kernel, counted since the daemon's start. */
export interface RepairCounts {
  /** Pins and settings that were repaired. */
  pinsAndSettings: number;
  /** Containers whose image, or start, was no longer what had been published. */
  containers: number;
}

/**
 * Looks every few seconds whether the pins, settings and maps in the kernel are what the daemon has made them: anybody
 * privileged can remove or empty them, and nothing else reports it. What can be repaired is; the rest is the reason why
 * the host is not SERVING.
 */
export class IntegrityWatch {
  readonly counts: RepairCounts = { pinsAndSettings: 0, containers: 0 };
  #timer: NodeJS.Timeout | undefined;
  #problem: string | undefined;
  /** Containers that are still to be looked at before all have been. */
  #left: Iterator<Published> | undefined;
  #looking = false;

  /** @param onChange called when `problem` has changed */
  constructor(
    readonly kernel: Pick<Enforcer, 'restore' | 'holds'>,
    readonly enforcement: Pick<Enforcement, 'published' | 'isPublished'>,
    readonly ledger: Pick<Ledger, 'publishAgain'>,
    readonly logger: Logger,
    readonly onChange: () => void,
  ) {}

  /** What could not be repaired; undefined while there is nothing. */
  get problem(): string | undefined {
    return this.#problem;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MILLISECONDS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Resolves once the check is done. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const before = this.#problem;
    try {
      const restored = this.kernel.restore();
      this.counts.pinsAndSettings += restored.length;
      if (restored.length > 0)
        this.logger.warn({ restored }, 'others had changed the enforcement in the kernel: it was repaired');
      await this.#lookAtContainers();
      this.#problem = undefined;
    } catch (error) {
      this.#problem = `others have changed the enforcement in the kernel: ${(error as Error).message}`;
      if (this.#problem !== before) this.logger.warn({ err: error }, this.#problem);
    } finally {
      this.#looking = false;
    }
    if (this.#problem !== before) this.onChange();
  }

  async #lookAtContainers(): Promise<void> {
    if (this.#some().every((each) => this.#isHeld(each))) return;
    // What has changed one may have changed all: now every container is looked at.
    const changed: Published[] = [];
    for await (const each of inTimeSlices(this.enforcement.published())) if (!this.#isHeld(each)) changed.push(each);
    if (changed.length === 0) return;
    const ids = changed.map(({ id }) => id).slice(0, IDS_LOGGED_MAX);
    const message = "others had changed containers' policies in the kernel: they are published again";
    this.logger.warn({ containers: changed.length, ids }, message);
    await this.ledger.publishAgain(changed.map(({ key }) => key));
    this.counts.containers += changed.length;
  }

  /** The next ones in turn. */
  #some(): Published[] {
    this.#left ??= this.enforcement.published();
    const some: Published[] = [];
    while (some.length < CONTAINERS_A_LOOK) {
      const { done, value } = this.#left.next();
      if (done) {
        this.#left = undefined;
        break;
      }
      some.push(value);
    }
    return some;
  }

  #isHeld({ id, entry }: Published): boolean {
    // It may have changed since it was listed.
    return this.enforcement.isPublished(id, entry) === false || this.kernel.holds(entry);
  }
}
