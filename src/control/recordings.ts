import { type Container, namespaceKey } from '../containers/container.js';
import { heldFilesIn } from '../containers/procfs.js';
import { observedAccess } from '../events/observed.js';
import { ACCESS_NONE } from '../kernel/accesses.js';
import type { AccessCounts } from '../kernel/enforcer.js';
import type { EventRecord } from '../kernel/event-record.js';
import { append } from '../policy/append.js';
import { NOTHING_VISIBLE, type Visibility } from '../policy/visibility.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import { type ProfiledContainer, runningProfileOf } from '../profile/profile.js';
import type { Store, StoredAccess, StoredProfiled, StoredState } from '../store/store.js';
import type { Ledger } from './ledger.js';
import { Recording } from './recording.js';
import { Serial } from './serial.js';

interface Logger {
  warn(fields: object, message: string): void;
}

/** What was reported is on disk after this time, or as soon as somebody asks for it. */
const WRITE_MILLISECONDS = 50;

/**
 * What running and ended profiles have learnt. The kernel counts each kind of access in a map of its own and reports it
 * once; what it has reported is kept here and on disk.
 */
export class Recordings {
  readonly #byProfile = new Map<string, Map<string, Recording>>();
  /** Those that the kernel counts for, by the namespaces of their container. */
  readonly #live = new Map<string, Recording>();
  readonly #serial = new Serial();
  #unwritten: { profiled: StoredProfiled[]; accesses: StoredAccess[] } = { profiled: [], accesses: [] };
  #timer: NodeJS.Timeout | undefined;
  /** Kinds of access that were reported to an earlier daemon, which had no time to write them down. */
  lost = 0;
  /** Reads what the kernel has reported so far; set by what reads it. */
  settleEvents: () => Promise<void> = async () => undefined;
  /** Called before a profile begins or ends to learn from a container, with the namespaceKey. */
  beforeRecordingChanges: (key: string) => void = () => undefined;
  /** What telemetry reports about a container: when that grows, the kernel has to report again. */
  visibilityOf: (container: Container) => Visibility = () => NOTHING_VISIBLE;
  /** By namespaceKey, of those the kernel counts for: what telemetry has reported so far. */
  readonly #seen = new Map<string, Visibility>();
  /** False until what an earlier daemon left is resumed; nothing begins before. */
  #isReady = false;

  constructor(
    readonly ledger: Pick<Ledger, 'desired' | 'containerAt'>,
    readonly counts: AccessCounts,
    readonly store: Pick<Store, 'commit'>,
    readonly logger: Logger,
  ) {}

  of(profile: string): readonly Recording[] {
    return [...(this.#byProfile.get(profile)?.values() ?? [])];
  }

  /** What profiles have learnt about these containers. */
  accessesOf(containerIds: ReadonlySet<string>): Map<string, ObservedAccess[]> {
    const found = new Map<string, ObservedAccess[]>();
    for (const recording of this.#all()) {
      const { id } = recording.container;
      if (!containerIds.has(id)) continue;
      for (const access of recording.accesses(this.counts)) append(found, id, access);
    }
    return found;
  }

  /** Whether a profile learns from the container of these namespaces, by namespaceKey. */
  isLearning(key: string): boolean {
    return this.#live.has(key);
  }

  /**
   * A record has come that reports a kind of access.
   *
   * @param isVisible whether it is reported as telemetry anyhow
   */
  observe(record: EventRecord, isVisible = false): void {
    const container = this.ledger.containerAt(record);
    const recording = this.#live.get(namespaceKey(record)) ?? (container && this.#openFor(container));
    if (recording === undefined) {
      // No profile learns from it any more; should that change, the kernel has to report it again.
      if (!isVisible)
        for (const access of [record.access, ACCESS_NONE]) this.counts.forget({ container: record, access });
      return;
    }
    this.#unwritten.accesses.push(recording.add(record.access, observedAccess(record)));
    this.#writeSoon();
  }

  /** Brings the recordings into agreement with the profiles and the containers there are. */
  follow(): Promise<void> {
    return this.#serial.run(async () => {
      const { containers, profiles } = this.ledger.desired;
      if (!this.#isReady || profiles.size === 0) return;
      const wanted = new Map<string, Container>();
      for (const container of containers.values()) {
        if (runningProfileOf(container, profiles) !== undefined)
          wanted.set(namespaceKey(container.namespaces), container);
      }
      await this.#end(
        [...this.#live].filter(([key, { profile, container }]) => {
          const now = wanted.get(key);
          return now?.id !== container.id || runningProfileOf(now, profiles)?.name !== profile;
        }),
      );
      for (const [key, container] of wanted) {
        if (!this.#live.has(key)) this.#openFor(container);
        else await this.#resetReports(key, container);
      }
      await this.#write();
    });
  }

  /** To be called when containers or profiles may have changed. */
  changed(): void {
    this.follow().catch((err: unknown) => this.logger.warn({ err }, 'cannot keep what a profile has learnt'));
  }

  /** Resumes what an earlier daemon left, before the first record is read. */
  async resume({ profiled, accesses }: Pick<StoredState, 'profiled' | 'accesses'>): Promise<void> {
    const { containers, profiles } = this.ledger.desired;
    for (const { profile, container } of profiled) {
      if (profiles.has(profile)) this.#keep(new Recording(profile, container));
    }
    for (const stored of accesses) this.#byProfile.get(stored.profile)?.get(stored.containerId)?.take(stored);
    const ended: Recording[] = [];
    for (const recording of this.#all()) {
      const now = containers.get(recording.container.id);
      const key = namespaceKey(recording.container.namespaces);
      const continues =
        now !== undefined &&
        namespaceKey(now.namespaces) === key &&
        runningProfileOf(now, profiles)?.name === recording.profile;
      recording.begin();
      if (continues) this.#live.set(key, recording);
      else ended.push(recording);
    }
    this.#unwritten.accesses.push(...ended.flatMap((recording) => recording.settle(this.counts)));
    this.#forgetUnwritten();
    this.#isReady = true;
    await this.follow();
  }

  /** Resolves once everything that the kernel has reported so far is on disk. */
  async settle(): Promise<void> {
    await this.settleEvents();
    await this.write();
  }

  /** Forgets what a profile that has ended has learnt. */
  forget(profile: string): void {
    this.#byProfile.delete(profile);
  }

  /** What stands in the store of a profile. */
  storedOf(profile: string): { deleteProfiled: StoredProfiled[]; deleteAccesses: readonly StoredAccess[] } {
    const recordings = this.of(profile);
    return {
      deleteProfiled: recordings.map(({ container }) => ({ profile, container })),
      deleteAccesses: recordings.flatMap((recording) => recording.stored()),
    };
  }

  /** Writes down what is not on disk yet. */
  write(): Promise<void> {
    return this.#serial.run(() => this.#write());
  }

  /** What was reported but not written down is to be reported again when it happens again. */
  #forgetUnwritten(): void {
    for (const counted of this.counts.list()) {
      const recording = this.#live.get(namespaceKey(counted.container));
      if (recording?.has(counted.access)) continue;
      this.counts.forget(counted);
      if (recording !== undefined && counted.access !== ACCESS_NONE) this.lost++;
    }
    if (this.lost === 0) return;
    const what = 'kinds of access were reported but not stored before the last end; they are learnt when made again';
    this.logger.warn({ count: this.lost }, what);
  }

  async #resetReports(key: string, container: Container): Promise<void> {
    const seen = this.#seen.get(key) ?? NOTHING_VISIBLE;
    const visible = this.visibilityOf(container);
    this.#seen.set(key, visible);
    if (visible.every((each) => seen.includes(each))) return;
    await this.settleEvents();
    this.beforeRecordingChanges(key);
    this.#unwritten.accesses.push(...(this.#live.get(key)?.resetReports(this.counts) ?? []));
  }

  async #end(ended: readonly (readonly [key: string, recording: Recording])[]): Promise<void> {
    if (ended.length === 0) return;
    await this.settleEvents();
    for (const [key, recording] of ended) {
      this.beforeRecordingChanges(key);
      this.#unwritten.accesses.push(...recording.settle(this.counts));
      this.#live.delete(key);
      this.#seen.delete(key);
    }
  }

  #openFor(container: Container): Recording | undefined {
    const profile = runningProfileOf(container, this.ledger.desired.profiles);
    if (profile === undefined) return undefined;
    const { id, name, namespace, labels, namespaces } = container;
    const described: ProfiledContainer = { id, name, namespace, labels, namespaces };
    const recording = new Recording(profile.name, described);
    this.beforeRecordingChanges(namespaceKey(namespaces));
    recording.begin();
    this.#keep(recording);
    this.#live.set(namespaceKey(namespaces), recording);
    this.#seen.set(namespaceKey(namespaces), this.visibilityOf(container));
    this.#unwritten.profiled.push({ profile: profile.name, container: described });
    for (const access of heldAccesses(container)) this.#unwritten.accesses.push(recording.addHeld(access));
    this.#writeSoon();
    return recording;
  }

  #all(): Recording[] {
    return [...this.#byProfile.values()].flatMap((each) => [...each.values()]);
  }

  #keep(recording: Recording): void {
    const recordings = this.#byProfile.get(recording.profile) ?? new Map<string, Recording>();
    this.#byProfile.set(recording.profile, recordings.set(recording.container.id, recording));
  }

  #writeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#serial
        .run(() => this.#write())
        .catch((err: unknown) => {
          this.logger.warn({ err }, 'cannot write down what a profile has learnt');
          this.#writeSoon();
        });
    }, WRITE_MILLISECONDS);
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { profiled, accesses } = this.#unwritten;
    if (profiled.length === 0 && accesses.length === 0) return;
    this.#unwritten = { profiled: [], accesses: [] };
    try {
      // A profile that was deleted meanwhile must not come back.
      const isKept = ({ profile }: { profile: string }) => this.#byProfile.has(profile);
      await this.store.commit({ putProfiled: profiled.filter(isKept), putAccesses: accesses.filter(isKept) });
    } catch (error) {
      this.#unwritten.profiled.unshift(...profiled);
      this.#unwritten.accesses.unshift(...accesses);
      throw error;
    }
  }
}

/** The programs that run already were run, and what they have mapped was read. */
function heldAccesses({ namespaces }: Container): ObservedAccess[] {
  const common = { ownership: 'owner', terminal: false, count: 1 } as const;
  return heldFilesIn(namespaces).flatMap(({ program, mapped }): ObservedAccess[] => [
    {
      ...common,
      class: 'process',
      operations: ['execute'],
      object: { kind: 'path', path: program },
      program: '',
      fromOutside: true,
    },
    ...mapped.map(
      (path): ObservedAccess => ({
        ...common,
        class: 'file',
        operations: ['read'],
        object: { kind: 'path', path },
        program,
        fromOutside: false,
      }),
    ),
  ]);
}
