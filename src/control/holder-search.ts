import type { NamespacePair } from '../containers/container.js';
import { namespaceKey, namespacesIn } from '../containers/container.js';
import { hasRunNothing } from '../containers/procfs.js';
import type { RuleDescription } from '../events/rule-description.js';
import type { Enforcer } from '../kernel/enforcer.js';
import { EVERY_FILE, type Holding } from '../kernel/holdings.js';
import type { RuleSet } from '../policy/rule-set.js';
import { inTimeSlices } from '../time-slices.js';
import type { Assignment } from './assignments.js';
import { Findings, idOf } from './findings.js';
import { leavesAlone } from './held-descriptors.js';
import { isHost } from './host.js';
import { Serial } from './serial.js';

/** How often it is checked whether what was held still is. */
const LOOK_MILLISECONDS = 3000;
/** A descriptor may be handed on to where a pass has been; once it was found it is known by itself. */
const EMPTY_PASSES_NEEDED = 2;
/** After this many passes every file of the containers is decided at every use. */
const PASSES_MAX = 8;
/** At most this many open files of a container are distinguished. */
const FILES_MAX = 1024;

type SearchedKernel = Pick<Enforcer, 'holdings' | 'refuseHeld'>;

interface Logger {
  warn(fields: object, message: string): void;
}

interface Subject {
  readonly id: string;
  readonly namespaces: NamespacePair;
  readonly ruleSet: RuleSet;
  readonly isHost: boolean;
}

/** A search that belongs to a change of what decides for containers. */
export interface Search {
  /**
   * To be called before the kernel decides by what is new: what was refused already is not refused because of the
   * change.
   */
  readonly before: () => Promise<void>;
  /** To be called once the kernel does. Resolves once what was found is refused; it does not fail. */
  readonly after: () => Promise<void>;
}

/**
 * Finds what processes of containers, and the host's, hold that a change of policies refuses: files that they have
 * opened, and memory that they have mapped, before. Files are decided once more at every use then, by a program that is attached for as
 * long as one of them is open; what is mapped can only be reported.
 */
export class HolderSearch {
  /** By namespaces: whether what decides for a container now decides of files. */
  readonly #decides = new Map<string, boolean>();
  /** Containers that an earlier daemon's images decide for: they have been searched, or decided from their start. */
  readonly #adopted: Set<string>;
  /** Marked open files, by container. */
  readonly #marks = new Map<string, Set<bigint>>();
  readonly #subjects = new Map<string, Subject>();
  readonly #found = new Map<string, Findings>();
  readonly #pending = new Map<string, ReadonlySet<string>>();
  readonly #queue = new Serial();
  #timer: NodeJS.Timeout | undefined;
  #problem: string | undefined;

  constructor(
    readonly kernel: SearchedKernel,
    adopted: Iterable<NamespacePair>,
    readonly ruleOf: (imageId: number, rule: number) => RuleDescription | undefined,
    readonly logger: Logger,
    /** Of the host's processes, those whose files are left to them. */
    readonly isGuarded: (pid: number) => boolean,
  ) {
    this.#adopted = new Set([...adopted].map(namespaceKey));
    for (const { container, file } of kernel.holdings.marked()) this.#marksOf(namespaceKey(container)).add(file);
  }

  /** Why the last search did not come to its end; undefined when it did. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** What the last search of a container that was changed has found; by namespaceKey. */
  findings(key: string): Findings | undefined {
    return this.#found.get(key);
  }

  /** Open files that are decided once more, and containers of which every one is. */
  get held(): { readonly files: number; readonly containers: number } {
    const held = { files: 0, containers: 0 };
    for (const marks of this.#marks.values()) {
      held.files += marks.size - Number(marks.has(EVERY_FILE));
      held.containers += Number(marks.has(EVERY_FILE));
    }
    return held;
  }

  start(): void {
    this.#timer = setInterval(() => void this.look(), LOOK_MILLISECONDS).unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#queue.run(async () => undefined);
  }

  /** Looks whether what was held still is, and makes up for a search that failed. Resolves once that is known. */
  look(): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#marks.size > 0 || this.#pending.size > 0 || this.kernel.holdings.isAttached)
        await this.#guarded(async () => {
          await this.#searchPending();
          await this.#look();
        });
    });
  }

  /** The container is no longer known. */
  forget(namespaces: NamespacePair): void {
    const key = namespaceKey(namespaces);
    for (const map of [this.#decides, this.#subjects, this.#found, this.#pending, this.#adopted]) map.delete(key);
  }

  /** To be called when what decides for these containers is about to change; undefined where nothing can be held. */
  begin(assigned: readonly Assignment[]): Search | undefined {
    const searched: Subject[] = [];
    const refusing: Subject[] = [];
    for (const { container, kind } of assigned) {
      const key = namespaceKey(container.namespaces);
      const subject = {
        id: container.id,
        namespaces: container.namespaces,
        ruleSet: kind.ruleSet,
        isHost: isHost(container),
      };
      const before = this.#decides.get(key);
      const replaced = this.#subjects.get(key);
      const { decidesFiles } = kind.image;
      this.#decides.set(key, decidesFiles);
      this.#subjects.set(key, subject);
      if (this.#adopted.delete(key)) continue;
      // By what its policies have asked to leave alone until now.
      if (before && replaced !== undefined) refusing.push(replaced);
      const isStarting = before === undefined && container.isFirstProcess && hasRunNothing(container.process?.pid);
      if ((decidesFiles && !isStarting) || this.#marks.has(key)) searched.push(subject);
    }
    if (searched.length === 0) return undefined;
    let refusedBefore: ReadonlySet<string> = new Set();
    return {
      before: async () => {
        if (refusing.length > 0) refusedBefore = await this.#queue.run(() => this.#refusedNow(refusing));
      },
      after: () => {
        for (const { namespaces } of searched) this.#pending.set(namespaceKey(namespaces), refusedBefore);
        return this.#queue.run(() => this.#guarded(() => this.#searchPending()));
      },
    };
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#problem = undefined;
    } catch (error) {
      this.#problem = `what processes hold from before their policies cannot be found: ${(error as Error).message}`;
      this.logger.warn({ err: error }, this.#problem);
    }
  }

  /** What is refused before a change, and not only left alone. Where that cannot be known, nothing is. */
  async #refusedNow(subjects: readonly Subject[]): Promise<ReadonlySet<string>> {
    const refused = new Set<string>();
    await this.#guarded(async () => {
      for await (const holding of this.#find(subjects, true)) if (holding.kind !== 'ring') refused.add(idOf(holding));
    });
    return refused;
  }

  /** One pass, without what policies ask to leave alone; on the host also without rings and processes that it cannot do without. */
  async *#find(
    subjects: readonly Subject[],
    withMappings: boolean,
  ): AsyncGenerator<Holding & { readonly by: RuleDescription | undefined }> {
    const byKey = new Map(subjects.map((subject) => [namespaceKey(subject.namespaces), subject]));
    const containers = subjects.map(({ namespaces }) => namespaces);
    const isGuarded = remembering(this.isGuarded);
    for await (const holdings of this.kernel.holdings.find(containers, withMappings)) {
      for await (const holding of inTimeSlices(holdings)) {
        const subject = byKey.get(namespaceKey(holding.container));
        if (subject === undefined) continue;
        if (subject.isHost && (holding.kind === 'ring' || isGuarded(holding.hostPid))) continue;
        const by = holding.kind === 'ring' ? undefined : this.ruleOf(holding.imageId, holding.rule);
        if (!leavesAlone(subject.ruleSet, holding.kind, by)) yield { ...holding, by };
      }
    }
  }

  async #searchPending(): Promise<void> {
    const pending = new Map(this.#pending);
    this.#pending.clear();
    try {
      await this.#searchAll(pending);
    } catch (error) {
      for (const [key, refusedBefore] of pending) if (!this.#pending.has(key)) this.#pending.set(key, refusedBefore);
      throw error;
    }
  }

  /** @param pending by container, what was refused before */
  async #searchAll(pending: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
    const subjects = [...pending.keys()].flatMap((key) => this.#subjects.get(key) ?? []);
    if (subjects.length === 0) return;
    const found = new Map([...pending.keys()].map((key) => [key, new Findings()]));
    for (let passes = 0, empty = 0; empty < EMPTY_PASSES_NEEDED; passes++) {
      let isEmpty = true;
      // What is mapped stays, and so it is looked at once.
      for await (const holding of this.#find(subjects, passes === 0)) {
        const key = namespaceKey(holding.container);
        // What is marked was found earlier, and what was refused before it was opened is somebody else's to refuse.
        const isOld = pending.get(key)!.has(idOf(holding)) && !this.#marks.get(key)?.has(holding.file);
        if (holding.kind !== 'ring' && isOld) continue;
        if (found.get(key)!.add(holding)) isEmpty = false;
      }
      empty = isEmpty ? empty + 1 : 0;
      if (passes === PASSES_MAX) for (const findings of found.values()) findings.isEndless ||= findings.files.size > 0;
      await this.#mark(found);
      if (passes === PASSES_MAX) break;
    }
    this.#unmarkAllBut(found);
    for (const [key, findings] of found) this.#found.set(key, findings);
    await this.#attachIfNeeded();
    this.#report(found);
  }

  /** Looks which of the marked files are still open. None is added: what is opened under the rules is decided by then. */
  async #look(): Promise<void> {
    const subjects = [...this.#marks.keys()].flatMap((key) => this.#subjects.get(key) ?? []);
    const found = new Map([...this.#marks.keys()].map((key) => [key, new Findings()]));
    for (let passes = 0; passes < EMPTY_PASSES_NEEDED && subjects.length > 0; passes++)
      for await (const holding of this.#find(subjects, false)) found.get(namespaceKey(holding.container))?.add(holding);
    this.#unmarkAllBut(found);
    await this.#attachIfNeeded();
  }

  async #mark(found: ReadonlyMap<string, Findings>): Promise<void> {
    for (const [key, findings] of found) {
      const marks = this.#marks.get(key) ?? new Set<bigint>();
      const container = this.#subjects.get(key)?.namespaces;
      if (container === undefined) continue;
      for (const file of marksFor(findings)) {
        if (marks.has(file)) continue;
        this.kernel.holdings.mark({ container, file });
        marks.add(file);
      }
      if (marks.size > 0) this.#marks.set(key, marks);
    }
    await this.#attachIfNeeded();
  }

  #unmarkAllBut(found: ReadonlyMap<string, Findings>): void {
    for (const [key, findings] of found) {
      const marks = this.#marks.get(key) ?? new Set<bigint>();
      const kept = marksFor(findings);
      // Every file stays decided while one of them is refused, where they were too many to distinguish.
      if (marks.has(EVERY_FILE) && findings.files.size > 0) kept.add(EVERY_FILE);
      for (const file of [...marks].filter((each) => !kept.has(each))) {
        this.kernel.holdings.unmark({ container: namespacesIn(key), file });
        marks.delete(file);
      }
      if (marks.size === 0) this.#marks.delete(key);
    }
  }

  async #attachIfNeeded(): Promise<void> {
    const isNeeded = this.#marks.size > 0;
    if (isNeeded !== this.kernel.holdings.isAttached) await this.kernel.refuseHeld(isNeeded);
  }

  #report(found: ReadonlyMap<string, Findings>): void {
    for (const [key, { descriptors, mappings, hasRing }] of found) {
      const container = this.#subjects.get(key)?.id;
      if (descriptors.count + mappings.count > 0)
        this.logger.warn(
          { container, descriptors: descriptors.count, mappings: mappings.count },
          'processes hold files from before policies that refuse them: descriptors are refused at every use, mappings stay',
        );
      if (hasRing)
        this.logger.warn(
          { container },
          'files may be registered with io_uring: every open file is decided at every use',
        );
    }
  }

  #marksOf(key: string): Set<bigint> {
    const marks = this.#marks.get(key) ?? new Set<bigint>();
    this.#marks.set(key, marks);
    return marks;
  }
}

function remembering(is: (pid: number) => boolean): (pid: number) => boolean {
  const known = new Map<number, boolean>();
  return (pid) => {
    const answer = known.get(pid) ?? is(pid);
    known.set(pid, answer);
    return answer;
  };
}

function marksFor({ files, hasRing, isEndless }: Findings): Set<bigint> {
  return hasRing || isEndless || files.size > FILES_MAX ? new Set([EVERY_FILE]) : new Set(files);
}
