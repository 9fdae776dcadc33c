import { Failure, invalidInput } from '../failure.js';
import { DEFAULT_NAMESPACE } from '../policy/model.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import { type Profile, type ProfiledContainer, type ProfileSubject, runningProfileOf } from '../profile/profile.js';
import { finishInTimeSlices } from '../time-slices.js';
import type { Change } from './change.js';
import type { SuggestionResult } from './dry-run-job.js';
import type { DryRunPool } from './dry-run-pool.js';
import type { Ledger, Outcome } from './ledger.js';
import type { Recordings } from './recordings.js';
import type { Caller } from './work-thread.js';

/** What a profile has learnt so far, container by container. */
export interface LearntProfile {
  readonly profile: Profile;
  readonly containers: readonly (ProfiledContainer & { readonly accesses: readonly ObservedAccess[] })[];
}

/** How a suggested policy is called and whom it reaches; what is left out is taken from the profile. */
export interface SuggestionHead {
  readonly name?: string;
  readonly namespace?: string;
  readonly matchLabels?: Readonly<Record<string, string>>;
}

/** What a profile has learnt is kept in memory until it is deleted. */
export const PROFILES_MAX = 64;

/** The profiles of this host: recordings of what containers do. */
export class ProfileRegistry {
  constructor(
    readonly ledger: Ledger,
    readonly recordings: Recordings,
  ) {}

  /**
   * @param now milliseconds since the Unix epoch
   * @throws Failure not-found, failed-precondition when there is one of that name, resource-exhausted
   */
  async start(name: string, subject: ProfileSubject, now: number): Promise<Outcome<Profile>> {
    const profile: Profile = { name, subject, started: now };
    return this.#changed(
      await this.ledger.change((current): Change<Profile> => {
        if (current.profiles.has(name)) throw new Failure('failed-precondition', `there is a profile ${name} already`);
        if (current.profiles.size >= PROFILES_MAX) {
          throw new Failure('resource-exhausted', `there are already ${PROFILES_MAX} profiles, delete some`);
        }
        if (subject.kind === 'container' && !current.containers.has(subject.id)) {
          throw new Failure('not-found', `no container ${subject.id}`);
        }
        const profiles = new Map(current.profiles).set(name, profile);
        const desired = { ...current, profiles };
        return {
          next: { desired, affected: (container) => runningProfileOf(container, profiles) === profile },
          make: () => ({ desired, stored: { putProfiles: [profile] }, result: profile }),
        };
      }),
    );
  }

  /** Ends a profile; one that has ended stays as it is. @throws Failure not-found */
  async stop(name: string, now: number): Promise<Outcome<Profile>> {
    return this.#changed(
      await this.ledger.change((current): Change<Profile> => {
        const profile = this.#named(name);
        if (profile.stopped !== undefined) return { next: undefined, result: profile };
        const stopped = { ...profile, stopped: now };
        const desired = { ...current, profiles: new Map(current.profiles).set(name, stopped) };
        return {
          next: { desired, affected: (container) => runningProfileOf(container, current.profiles) === profile },
          make: () => ({ desired, stored: { putProfiles: [stopped] }, result: stopped }),
        };
      }),
    );
  }

  /** Deletes a profile, also one that runs, and all that it has learnt. @throws Failure not-found */
  async delete(name: string, now: number): Promise<Outcome<void>> {
    await this.stop(name, now);
    const outcome = await this.ledger.change((current): Change<void> => {
      this.#named(name);
      const profiles = new Map(current.profiles);
      profiles.delete(name);
      const desired = { ...current, profiles };
      const stored = () => ({ deleteProfiles: [name], ...this.recordings.storedOf(name) });
      return {
        next: { desired, affected: () => false },
        make: () => ({ desired, stored: stored(), result: undefined }),
      };
    });
    this.recordings.forget(name);
    return outcome;
  }

  /** In the order in which they were started. */
  list(): Profile[] {
    return [...this.ledger.desired.profiles.values()];
  }

  /** What it tells is on disk. @throws Failure not-found */
  async get(name: string): Promise<LearntProfile> {
    const profile = this.#named(name);
    await this.recordings.settle();
    const { counts } = this.recordings;
    const containers: LearntProfile['containers'][number][] = [];
    for (const recording of this.recordings.of(name)) {
      const accesses = await finishInTimeSlices(recording.accessesInSteps(counts));
      containers.push({ ...recording.container, accesses });
    }
    return { profile, containers };
  }

  /**
   * A policy that allows what was learnt, worked out beside the daemon's own work.
   *
   * @throws Failure not-found; invalid-argument naming `match_labels` where the profile does not tell whom to reach
   */
  async suggest(
    name: string,
    head: SuggestionHead,
    dryRuns: Pick<DryRunPool, 'suggest'>,
    caller: Caller,
  ): Promise<SuggestionResult> {
    const { profile, containers } = await this.get(name);
    const about = profile.subject.kind === 'selector' ? profile.subject : containers[0];
    const matchLabels = head.matchLabels ?? (about && ('matchLabels' in about ? about.matchLabels : about.labels));
    if (matchLabels === undefined || Object.keys(matchLabels).length === 0) {
      const description = 'must be given, for the container of the profile has no labels';
      throw invalidInput([{ field: 'match_labels', description }]);
    }
    const accesses = containers.flatMap((container) => container.accesses);
    const namespace = head.namespace ?? about?.namespace ?? DEFAULT_NAMESPACE;
    return dryRuns.suggest({ accesses, head: { name: head.name ?? name, namespace, matchLabels } }, caller);
  }

  #named(name: string): Profile {
    const profile = this.ledger.desired.profiles.get(name);
    if (profile === undefined) throw new Failure('not-found', `no profile ${name}`);
    return profile;
  }

  async #changed(outcome: Outcome<Profile>): Promise<Outcome<Profile>> {
    await this.recordings.follow();
    return outcome;
  }
}
