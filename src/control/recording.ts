import { createHash } from 'node:crypto';
import type { AccessCounts } from '../kernel/enforcer.js';
import { accessKey, type ObservedAccess } from '../profile/observed-access.js';
import type { ProfiledContainer } from '../profile/profile.js';
import { finish, isStep, type Steps } from '../steps.js';
import type { StoredAccess } from '../store/store.js';

const KEY_DIGITS = 16;

/** What one profile has learnt about one container. */
export class Recording {
  readonly #accesses = new Map<string, StoredAccess>();
  /** How often each was made before the kernel was reset to report it again. */
  readonly #before = new Map<string, number>();
  /** The kernel counts: this is how often an access had been made when it was reported. */
  #isLive = false;

  constructor(
    readonly profile: string,
    readonly container: ProfiledContainer,
  ) {}

  /** Adds what the kernel has reported; it counts the access under this number. */
  add(access: bigint, observed: ObservedAccess): StoredAccess {
    const key = keyOf(access);
    const count = observed.count + this.#madeBefore(key);
    return this.take(this.#stored(key, { ...observed, count }));
  }

  /** Adds what was the case before recording began. */
  addHeld(observed: ObservedAccess): StoredAccess {
    const digest = createHash('sha256').update(accessKey(observed)).digest('hex');
    return this.take(this.#stored(`held-${digest.slice(0, KEY_DIGITS)}`, observed));
  }

  take(stored: StoredAccess): StoredAccess {
    this.#accesses.set(stored.key, stored);
    return stored;
  }

  has(access: bigint): boolean {
    return this.#accesses.has(keyOf(access));
  }

  begin(): void {
    this.#isLive = true;
  }

  /** Takes over what the kernel has counted, and ends the counting. Returns what is to be written down. */
  settle(counts: AccessCounts): readonly StoredAccess[] {
    const settled = [...this.#accesses.values()].map((stored) => this.take(this.#counted(stored, counts)));
    for (const { key } of settled) {
      const access = numberOf(key);
      if (access !== undefined) counts.forget({ container: this.container.namespaces, access });
    }
    this.#isLive = false;
    return settled;
  }

  /** Makes the kernel report again what it has reported, for other readers; the counts continue. Returns what is to be written down. */
  resetReports(counts: AccessCounts): readonly StoredAccess[] {
    return this.stored().map((stored) => {
      const access = numberOf(stored.key);
      if (access === undefined) return stored;
      const made = this.#madeBefore(stored.key) + counts.take({ container: this.container.namespaces, access });
      const count = Math.max(stored.access.count, made);
      this.#before.set(stored.key, count);
      return this.take({ ...stored, access: { ...stored.access, count } });
    });
  }

  accesses(counts: AccessCounts): ObservedAccess[] {
    return finish(this.accessesInSteps(counts));
  }

  /** The same, so that other work can run between its steps: the kernel is asked for each count. */
  *accessesInSteps(counts: AccessCounts): Steps<ObservedAccess[]> {
    const accesses: ObservedAccess[] = [];
    for (const [place, stored] of this.stored().entries()) {
      if (isStep(place)) yield;
      accesses.push((this.#isLive ? this.#counted(stored, counts) : stored).access);
    }
    return accesses;
  }

  stored(): readonly StoredAccess[] {
    return [...this.#accesses.values()];
  }

  #stored(key: string, access: ObservedAccess): StoredAccess {
    return { profile: this.profile, containerId: this.container.id, key, access };
  }

  #counted(stored: StoredAccess, counts: AccessCounts): StoredAccess {
    const access = numberOf(stored.key);
    const counted = access === undefined ? 0 : counts.count({ container: this.container.namespaces, access });
    const count = Math.max(stored.access.count, this.#madeBefore(stored.key) + counted);
    return { ...stored, access: { ...stored.access, count } };
  }

  #madeBefore(key: string): number {
    return this.#before.get(key) ?? 0;
  }
}

function keyOf(access: bigint): string {
  return access.toString(16).padStart(KEY_DIGITS, '0');
}

function numberOf(key: string): bigint | undefined {
  return /^[0-9a-f]{16}$/u.test(key) ? BigInt(`0x${key}`) : undefined;
}
