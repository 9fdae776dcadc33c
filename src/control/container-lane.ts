import { setImmediate } from 'node:timers/promises';
import type { Container, NamespacePair } from '../containers/container.js';
import { namespaceKey } from '../containers/container.js';
import { finish, type Steps } from '../steps.js';
import { finishInTimeSlices, inTimeSlices } from '../time-slices.js';
import { adoptInPieces } from './adoption.js';
import type { Claim } from './container-kinds.js';
import { asAllKnown, type ContainerChange, planContainers, withProtectionOf } from './container-plan.js';
import type { Enforcement } from './enforcement.js';
import { KeyedQueue } from './keyed-queue.js';
import { ContainerDraft, type ContainerView, type KnownContainers } from './known-containers.js';
import type { Outcome, Step, Written } from './ledger.js';

/** One caller's change of containers, made whole or not at all. */
export interface ContainerRequest {
  /** Those to add, or to change what is known of them. */
  readonly put: readonly Container[];
  /** Which to let go, of those known when it is made. @throws Failure */
  readonly remove?: (known: ContainerView) => readonly Container[];
  /** The containers it is about; left out where it may be about all of them. */
  readonly ids?: readonly string[];
  /** Only how those of `put` came under their policies is to be as they say; those that have gone are not added again. */
  readonly correctsProtection?: true;
  /** Called once the kernel decides for each of `put`, which may be long before everything is done. */
  readonly onVisible?: () => void;
}

/** A request that is compiled and whose turn has come. */
interface Waiting {
  readonly request: ContainerRequest;
  /** What is to decide for the containers, by id. */
  claims: ReadonlyMap<string, Claim>;
  /** How often it was compiled, for policies that have changed since but the last time. */
  rounds: number;
  readonly resolve: (changed: Changed) => void;
  readonly reject: (error: unknown) => void;
}

/** What became of a request. */
interface Changed {
  readonly changes: ContainerChange[];
  readonly written: Written;
}

/** At most this many containers are written and published together, or one request that has more. */
const BATCH_MAX = 128;
/** At most this many batches may be under way into the kernel; each occupies one of the four threads of Node's pool. */
const PUBLICATIONS_MAX = 2;
/** How often a request may be compiled again before a change of policies has to wait for it. */
const ROUNDS_MAX = 3;

/**
 * Brings containers under their policies. Requests that wait are planned, written and published together. One that is
 * not valid, or whose rules take long to compile, holds up no other: it joins them once it is compiled.
 */
export class ContainerLane {
  readonly #waiting: Waiting[] = [];
  readonly #queue = new KeyedQueue();
  readonly #publications = new Set<Promise<void>>();
  #isWorking = false;

  /** @param write writes a step down, one at a time; undefined: there is nothing to write */
  constructor(
    readonly containers: KnownContainers,
    readonly enforcement: Enforcement,
    readonly write: (plan: () => Promise<Step | undefined>) => Promise<Written>,
  ) {}

  /** Makes a change. Requests about the same container are made in the order in which they come. */
  async submit(submitted: ContainerRequest): Promise<Outcome<ContainerChange[]>> {
    const onVisible = submitted.onVisible && once(submitted.onVisible);
    const known = () => submitted.put.map(({ id }) => this.containers.get(id));
    const before = known();
    const queuePlace = this.#queue.enter(submitted.ids);
    let changed: Changed;
    try {
      const put = await described(submitted, before);
      let request = { ...submitted, put, ...(onVisible !== undefined && { onVisible }) };
      let claims = await this.#claim(request.put);
      await queuePlace.come;
      // An earlier request may have found other links.
      const now = known();
      if (now.some((each, index) => each !== before[index])) {
        this.#giveBack(claims.values());
        request = { ...request, put: await described(submitted, now) };
        claims = await this.#claim(request.put);
      }
      changed = await new Promise<Changed>((resolve, reject) => {
        this.#enqueue({ request, claims, rounds: 1, resolve, reject });
      });
    } finally {
      queuePlace.end();
    }
    const { changes, written } = changed;
    const unchanged = changes.filter(({ kind }) => kind === 'unchanged');
    if (unchanged.length < changes.length) await written.published;
    await this.enforcement.settled(unchanged.map(({ container }) => namespaceKey(container.namespaces)));
    onVisible?.();
    return { result: changes, revision: written.revision };
  }

  /** Resolves once nothing is under way any more. */
  async idle(): Promise<void> {
    const queuePlace = this.#queue.enter();
    await queuePlace.come;
    queuePlace.end();
    await Promise.all(this.#publications);
  }

  #enqueue(waiting: Waiting): void {
    this.#waiting.push(waiting);
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    // What comes within one turn of the event loop comes at once.
    await setImmediate();
    while (this.#waiting.length > 0) {
      while (this.#publications.size >= PUBLICATIONS_MAX) await Promise.race(this.#publications);
      await this.#make(this.#nextBatch());
    }
    this.#isWorking = false;
  }

  #nextBatch(): Waiting[] {
    let containers = 0;
    const end = this.#waiting.findIndex(({ request }, index) => {
      containers += Math.max(1, request.put.length);
      return index > 0 && containers > BATCH_MAX;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  async #make(batch: readonly Waiting[]): Promise<void> {
    const planned: (Waiting & { readonly changes: ContainerChange[] })[] = [];
    /** Those that are complete at this point. */
    const left = new Set(batch);
    try {
      const written = await this.write(async () => {
        const draft = new ContainerDraft(this.containers);
        for (const waiting of batch) {
          if (!(await this.#isUpToDate(waiting))) {
            left.delete(waiting);
            continue;
          }
          try {
            const changes = await finishFor(waiting.request, plan(waiting.request, draft));
            planned.push(Object.assign(waiting, { changes }));
          } catch (error) {
            waiting.reject(error);
          }
        }
        return draft.isEmpty ? undefined : this.#step(draft, planned);
      });
      this.#watch(written.published);
      for (const { resolve, changes } of planned) resolve({ changes, written });
    } catch (error) {
      for (const { reject } of left) reject(error);
    } finally {
      for (const { claims } of left) this.#giveBack(claims.values());
    }
  }

  /** What it takes to make the changes of a draft. */
  #step(draft: ContainerDraft, planned: readonly Waiting[]): Step {
    const claimed = new Map(planned.flatMap(({ claims }) => [...claims]));
    const claims = [...draft.changed].map((container) => ({ ...claimed.get(container.id)!, container }));
    const removed = [...draft.removed];
    return {
      images: claims.map(({ kind }) => kind.image),
      stored: {
        putContainers: claims.map(({ container }) => container),
        deleteContainers: removed.map(({ id }) => id),
      },
      adopt: () => {
        const callbacks = visibilityCallbacks(planned);
        const onVisible = (container: NamespacePair) => {
          for (const callback of callbacks.get(namespaceKey(container)) ?? []) callback();
        };
        // Whoever takes over the namespaces of one that goes comes first, so that they are never without a policy.
        return adoptInPieces(changesOf(claims, removed), (piece) => {
          const claimed = piece.flatMap((each) => ('claim' in each ? [each.claim] : []));
          const gone = piece.flatMap((each) => ('gone' in each ? [each.gone] : []));
          for (const { container } of claimed) this.containers.put(container);
          for (const { id } of gone) this.containers.delete(id);
          return this.enforcement.adoptContainers(claimed, gone, onVisible);
        });
      },
    };
  }

  /** Sends a request away to be compiled again where policies have changed since it was. */
  async #isUpToDate(waiting: Waiting): Promise<boolean> {
    const isUpToDate = () => [...waiting.claims.values()].every((claim) => this.enforcement.isCurrent(claim));
    if (isUpToDate()) return true;
    const again = this.#claimAnew(waiting);
    if (waiting.rounds <= ROUNDS_MAX) {
      void again.then((isClaimed) => isClaimed && this.#enqueue(waiting));
      return false;
    }
    // Policies cannot change while this step is made.
    return again;
  }

  async #claimAnew(waiting: Waiting): Promise<boolean> {
    const stale = waiting.claims;
    waiting.rounds++;
    waiting.claims = new Map();
    try {
      waiting.claims = await this.#claim(waiting.request.put);
      return true;
    } catch (error) {
      waiting.reject(error);
      return false;
    } finally {
      // Only now: what is the same as before was not compiled again.
      this.#giveBack(stale.values());
    }
  }

  async #claim(containers: readonly Container[]): Promise<Map<string, Claim>> {
    const claims = new Map<string, Claim>();
    try {
      for await (const container of inTimeSlices(containers)) {
        claims.set(container.id, await this.enforcement.claim(container));
      }
      return claims;
    } catch (error) {
      this.#giveBack(claims.values());
      throw error;
    }
  }

  #giveBack(claims: Iterable<Claim>): void {
    for (const claim of claims) this.enforcement.giveBack(claim);
  }

  #watch(published: Promise<void>): void {
    const over: Promise<void> = published
      .catch(() => undefined)
      .then(() => {
        this.#publications.delete(over);
      });
    this.#publications.add(over);
  }
}

/** The containers of a request, with what holds of those that are known; these stand in the same order. */
function described(request: ContainerRequest, known: readonly (Container | undefined)[]): Promise<Container[]> {
  if (request.correctsProtection) return Promise.resolve(withProtectionOf(request.put, known));
  return finishFor(request, asAllKnown(request.put, known));
}

/** A request that names its containers is small, and those that come at once are to stay together. */
async function finishFor<Result>(request: ContainerRequest, work: Steps<Result>): Promise<Result> {
  return request.ids === undefined ? finishInTimeSlices(work) : finish(work);
}

function* changesOf(claims: Iterable<Claim>, removed: Iterable<Container>) {
  for (const claim of claims) yield { claim };
  for (const gone of removed) yield { gone };
}

/** Adds a request to a draft, whole or not at all. */
function* plan({ put, remove, correctsProtection }: ContainerRequest, draft: ContainerDraft): Steps<ContainerChange[]> {
  const own = new ContainerDraft(draft);
  const changes = yield* planContainers(own, put, remove?.(own) ?? [], correctsProtection);
  yield* own.applyTo(draft);
  return changes;
}

/** By namespaces: what to call when the kernel decides there. A request that is to be reported is so once all of its are. */
function visibilityCallbacks(planned: readonly (Waiting & { readonly changes?: ContainerChange[] })[]) {
  const callbacks = new Map<string, (() => void)[]>();
  for (const { request, changes = [] } of planned) {
    if (request.onVisible === undefined) continue;
    const awaited = new Set(
      changes.filter(({ kind }) => kind !== 'removed').map(({ container }) => namespaceKey(container.namespaces)),
    );
    for (const key of awaited) {
      const callback = () => {
        awaited.delete(key);
        if (awaited.size === 0) request.onVisible?.();
      };
      callbacks.set(key, [...(callbacks.get(key) ?? []), callback]);
    }
  }
  return callbacks;
}

function once(callback: () => void): () => void {
  let isDue = true;
  return () => {
    if (isDue) callback();
    isDue = false;
  };
}
