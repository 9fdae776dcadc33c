import type { ContainerRoot, NamespacePair, ProcessIdentity } from '../containers/container.js';
import type { DecidingRule } from '../image/image.js';
import type { Limits } from '../image/limits.js';
import type { RuleSet } from '../policy/rule-set.js';
import type { Steps } from '../steps.js';
import type { CountedAccess } from './accesses.js';
import type { Counter } from './counters.js';
import type { EventLimit } from './event-limit.js';
import type { EventRecord } from './event-record.js';
import type { HeldFile, Holding } from './holdings.js';
import type { MissingHook } from './missing-hooks.js';

/**
 * What the daemon needs of whatever enforces its policies. `Kernel`, made in src/daemon.ts, enforces them by BPF; another
 * enforcer has these members and is made in its place.
 */
export interface Enforcer {
  /** True when an earlier daemon had left these programs in force. */
  readonly adopted: boolean;
  readonly programNames: readonly string[];
  /** Hooks at which nothing is decided. */
  readonly missingHooks: readonly MissingHook[];
  /** The accesses of containers under a profile. */
  readonly accesses: AccessCounts;
  /** What processes hold from before their container's rules. */
  readonly holdings: HeldFiles;
  readonly layers: Layers;
  /** Identifies the ring among all others, also those of other boots of this host. */
  readonly ringId: bigint;
  readonly ringWakeUps: number;

  /** Removes what an earlier daemon of another build left in force, once every container has its image here. */
  removeReplaced(signal: AbortSignal): Promise<void>;
  /**
   * @param limits of the image, where they are not to be the usual ones
   * @throws Failure invalid-argument or resource-exhausted, where a rule set cannot be enforced
   */
  compile(ruleSet: RuleSet, limits?: Partial<Limits>): Steps<CompiledRules>;
  /** Whether a rule set is small enough to be compiled, which takes less than to compile it. */
  fits(ruleSet: RuleSet, limits?: Partial<Limits>): Steps<boolean>;
  releaseImage(image: EnforcedImage): void;
  /**
   * Lets images decide for containers. Where a container may be new, `markTasksInside` is to follow.
   *
   * @param onVisible is called for each container from which on its image decides
   */
  publish(entries: readonly PublishedContainer[], onVisible?: (container: NamespacePair) => void): Promise<void>;
  /**
   * Puts every task that is in a container which was new when it was published under the container's rules, except the
   * first process while it is still the runtime. Nothing is done where none was new; when it fails, the next call tries
   * again.
   *
   * @returns how many tasks were put under rules
   */
  markTasksInside(): Promise<number>;
  removeContainers(containers: readonly NamespacePair[]): Promise<void>;
  containers(): NamespacePair[];
  /** The highest id of an image that decides for a container; 0 where there is none. */
  newestImage(): number;
  /** Whether this image decides for a container, and its end would be noticed. */
  holds(entry: PublishedContainer): boolean;
  /** Whether what `publish` has put at the host's namespaces decides. */
  enforceHost(isInForce: boolean): void;
  /** Whether images see system calls as they are made; see FLAG_OBSERVES_CALLS. */
  observeCalls(isNeeded: boolean): void;
  /** Whether images learn the addresses of names from answers; see FLAG_HAS_NAMES. */
  readAnswers(isNeeded: boolean): Promise<void>;
  /** Whether files that are marked as held are decided once more at every use. */
  refuseHeld(isNeeded: boolean): Promise<void>;
  /**
   * Repairs what others have changed.
   *
   * @returns descriptions of what was changed
   * @throws when it cannot be repaired
   */
  restore(): string[];

  /** The ring of events; reading begins with its `start`. */
  openRing(): EventRing;
  limitEvents(limit: EventLimit): void;
  /** How many events of the container were suppressed so far. */
  suppressed(container: NamespacePair): number;
  /** The same for all containers, by their namespaces. */
  allSuppressed(): Map<string, number>;
  counters(): Record<Counter, number>;
  /** Runs of programs that were left out, by program; anything above zero was not enforced. */
  recursionMisses(): Map<string, number>;
  /** Records that found no room in the ring. */
  droppedRecords(): number;

  /** Stops reading; the enforcement stays in force. */
  close(): void;
  /** Removes the enforcement permanently. */
  detach(): void;
}

/** A rule set as an enforcer has compiled it. */
export interface CompiledRules {
  /** Indexed by the rule number of a verdict. */
  readonly rules: readonly DecidingRule[];
  /** The numbers of rules that appear in some verdict. */
  readonly decided: ReadonlySet<number>;
  /** Whether it may refuse files. */
  readonly decidesFiles: boolean;
  /** @param imageId names it in events, above those of all images before */
  createImage(imageId: number): EnforcedImage;
}

/** A rule set that an enforcer can let decide, until it is released. Of another's images an enforcer knows nothing. */
export interface EnforcedImage {
  readonly imageId: number;
}

/** A container as an enforcer knows it. */
export interface PublishedContainer<Image extends EnforcedImage = EnforcedImage> {
  readonly container: NamespacePair;
  /** See Container.initStartTicks; left out where not known. */
  readonly initStartTicks?: number;
  /** See Container.isFirstProcess; matters where the container is new. */
  readonly firstProcess?: ProcessIdentity;
  /** A process by which its files can be seen; left out where none is known. */
  readonly process?: number;
  /** See Container.rootBefore. */
  readonly rootBefore?: string;
  /** See ContainerRoot; left out where it is unknown what its image brought. */
  readonly rootDevice?: number;
  readonly image: Image;
}

/** How often each kind of access was made by containers under a profile: the enforcer counts. */
export interface AccessCounts {
  /** 0 for an access that is not counted. */
  count(access: CountedAccess): number;
  /** The same, and stops counting it, so that nothing is lost between. */
  take(access: CountedAccess): number;
  /** Stops counting it: it is reported again, if it is made again under a profile. */
  forget(access: CountedAccess): void;
  list(): CountedAccess[];
}

/** Finds and marks what processes hold from before the rules that refuse it. */
export interface HeldFiles {
  /** Whether what is marked is decided at every use. */
  readonly isAttached: boolean;
  /** What is marked, also by an earlier daemon. */
  marked(): HeldFile[];
  /** @throws when there is no room for more */
  mark(held: HeldFile): void;
  unmark(held: HeldFile): void;
  /**
   * Goes once through the processes of these containers; what is found comes in pieces. Not to be called while another
   * search is under way.
   *
   * @param withMappings whether memory is looked at too
   * @throws also if it cannot search
   */
  find(containers: readonly NamespacePair[], withMappings: boolean): AsyncGenerator<Holding[]>;
}

/** Finds out whether it can be determined what the images of containers brought. */
export interface Layers {
  /**
   * @param path where the root of a container is to be seen
   * @param process one that sees the root among its mounts
   */
  examine(path: string, process: number): ContainerRoot;
}

/** The ring in which records of events wait to be read. Its positions only grow. */
export interface EventRing {
  /** The position up to which records were given out, in bytes since the ring was made. */
  readonly position: bigint;
  /** Bytes of records that were given out and are still kept. */
  readonly kept: number;
  /** Where the next record will be written. */
  readonly written: bigint;
  /** Records that could not be decoded. */
  readonly undecodable: number;
  /** @param onRecords called when records are waiting, also now; it should call `drain` */
  start(onRecords: () => void): void;
  /** Skips what an earlier reader has stored elsewhere. */
  skipTo(position: bigint): void;
  /** Lets the records up to there be overwritten. */
  release(position: bigint): void;
  /**
   * Gives up to `limit` waiting records to `take`, oldest first, decoded. They can be read again, by a later daemon too,
   * until `release`. Returns how many were read, undecodable ones too.
   */
  drain(limit: number, take: (record: EventRecord) => void): number;
}
