import { setTimeout as sleep } from 'node:timers/promises';
import { type Backoff, waitAfter } from '../backoff.js';
import { trueCause } from '../sources/failure-cause.js';
import { inTimeSlices } from '../time-slices.js';
import { type ApiClient, ApiError, type KubernetesObject, UnfinishedAnswer, type WatchEvent } from './api-client.js';
import type { ObjectList } from './list-reader.js';

/** The objects to follow: all of a kind, or those that the selector picks. */
export interface FollowedKind {
  /** For example /api/v1/pods. */
  readonly path: string;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Whether the kind need not be there: then there are none, and it is looked for again. */
  readonly isOptional?: true;
}

export interface FollowOptions {
  /** Called with all objects, at first and after each change. */
  readonly onChange: () => void;
  /** Called when it is followed again, or not any more. */
  readonly onStatus: () => void;
  readonly backoff?: Backoff;
}

const BACKOFF = { first: 500, most: 30_000 };
/** The most objects in one page; fewer if objects are so large that they exceed the bytes. */
const PAGE_OBJECTS = 500;
const PAGE_BYTES = 4 * 1024 * 1024;
/** Varied a little, so that not all nodes of a cluster start again at once. */
const WATCH_SECONDS = { least: 240, more: 240 };
/** How soon a kind is looked for again that the API server did not have: doubled each time, as it may never come. */
const ABSENT_MILLISECONDS = { first: 15_000, most: 45_000 };

/** Somewhat less, so that not all nodes of a cluster start again at once. */
function spreadOut(milliseconds: number): number {
  return milliseconds * (0.5 + Math.random() / 2);
}

/**
 * The objects of a kind, kept as the API server has them: listed once, then watched. What is known stays when the server
 * cannot be reached. A watch continues from the last version that was reported, by an event or a bookmark; where the server has
 * forgotten that version (410) all are listed again.
 */
export class FollowedList<Object extends KubernetesObject = KubernetesObject> {
  readonly #objects = new Map<string, Object>();
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  #version = '';
  #isListed = false;
  #problem: string | undefined = 'not listed yet';
  #isAbsent = false;
  /** The newest version that was reported; stays when all are to be listed again. */
  #newest = '';
  /** In a row. */
  #failures = 0;
  #absences = 0;
  #done: Promise<void> = Promise.resolve();
  /** In the next page; as few as have been answered. */
  #pageObjects = PAGE_OBJECTS;
  /** Whether an unpaged answer has failed: the server applies no limit to answers from its memory. */
  #needsPages = false;
  /** How often all were listed. */
  lists = 0;

  constructor(
    readonly client: Pick<ApiClient, 'get' | 'list' | 'watch'>,
    readonly kind: FollowedKind,
    readonly options: FollowOptions,
  ) {
    this.#backoff = options.backoff ?? BACKOFF;
  }

  /** By uid, as last reported. */
  get objects(): readonly Object[] {
    return [...this.#objects.values()];
  }

  /** Whether all have been reported once. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Why it is not followed at present; undefined while it is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the API server has no such kind. */
  get isAbsent(): boolean {
    return this.#isAbsent;
  }

  start(): void {
    this.#done = this.#run(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // A server that ends watches at once is not to be asked without a pause.
      let wait = this.#backoff.first * Math.random();
      try {
        if (this.#version === '') await this.#list();
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) return;
        wait = await this.#failed(error);
      }
      await sleep(wait, undefined, { signal }).catch(() => undefined);
    }
  }

  /** All of them, in pages. What was known and is not among them is gone. */
  async #list(): Promise<void> {
    const found = new Map<string, Object>();
    let next: string | undefined;
    let version = '';
    do {
      const page = await this.#page(next === undefined ? this.#firstPage : { ...this.#limit, continue: next });
      for await (const object of inTimeSlices(page.items)) found.set(keyOf(object), headed(object, page));
      next = page.metadata.continue;
      version = page.metadata.resourceVersion;
    } while (next);
    this.lists++;
    this.#needsPages = false;
    this.#isAbsent = false;
    this.#absences = 0;
    this.#replace(found);
    this.#version = version;
    this.#newest = version;
  }

  /**
   * From the API server's memory, and not older than what is known: etcd has no index, and would read all pods of the
   * cluster for those of each node. The watch from there on reports what has happened since.
   */
  get #firstPage() {
    // If so large an answer fails, a page may not, as it comes from etcd.
    if (this.#needsPages) return this.#limit;
    // A server whose memory is not filled yet gives pages.
    if (this.#newest === '') return { ...this.#limit, resourceVersion: '0' };
    return { resourceVersion: this.#newest, resourceVersionMatch: 'NotOlderThan' };
  }

  get #limit() {
    return { limit: String(this.#pageObjects) };
  }

  /** This page determines how large the next one may be; if it fails, a smaller page is requested. */
  async #page(query: object): Promise<ObjectList<Object>> {
    try {
      const page = await this.client.list<Object>(this.kind.path, { ...this.#selectors, ...query });
      const { length } = page.items;
      const fitting = length === 0 ? PAGE_OBJECTS : Math.floor((length * PAGE_BYTES) / Math.max(page.bytes, 1));
      // Twice as many at most: what comes may be larger than what came.
      this.#pageObjects = Math.max(1, Math.min(fitting, this.#pageObjects * 2, PAGE_OBJECTS));
      return page;
    } catch (error) {
      // Not if the server cannot be reached: afterwards all nodes would read from its etcd.
      if (error instanceof UnfinishedAnswer || (error instanceof ApiError && error.code === 413)) {
        if (this.#needsPages) this.#pageObjects = Math.max(1, Math.floor(this.#pageObjects / 4));
        this.#needsPages = true;
      }
      throw error;
    }
  }

  #replace(found: ReadonlyMap<string, Object>): void {
    this.#objects.clear();
    for (const [key, object] of found) this.#objects.set(key, object);
    this.#isListed = true;
    this.options.onChange();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const seconds = WATCH_SECONDS.least + Math.floor(Math.random() * WATCH_SECONDS.more);
    const query = { resourceVersion: this.#version, ...this.#selectors };
    const onOpen = () => this.#isFollowed();
    for await (const event of this.client.watch(this.kind.path, query, { seconds, signal, onOpen })) this.#take(event);
  }

  get #selectors() {
    const { fieldSelector, labelSelector } = this.kind;
    return { fieldSelector, labelSelector };
  }

  #take({ type, object }: WatchEvent): void {
    this.#failures = 0;
    this.#version = object.metadata.resourceVersion ?? this.#version;
    this.#newest = this.#version;
    if (type === 'BOOKMARK') return;
    if (type === 'DELETED') this.#objects.delete(keyOf(object));
    else this.#objects.set(keyOf(object), object as Object);
    this.options.onChange();
  }

  #isFollowed(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.options.onStatus();
  }

  /** @returns milliseconds to wait before the next attempt */
  async #failed(error: unknown): Promise<number> {
    const spread = spreadOut(waitAfter(++this.#failures, this.#backoff));
    if (error instanceof ApiError) {
      // A server whose etcd was restored does not have so new a version: what it has counts.
      if (error.code === 504 && this.#version === '') this.#newest = '';
      // The version, or a page, is too old: everything is listed again.
      if (error.code === 410) {
        this.#version = '';
        return spread;
      }
      if (error.code === 404 && this.kind.isOptional && (await this.#isUnknown())) return this.#absent();
      if (error.retryMilliseconds !== undefined) {
        this.#report(trueCause(error));
        return Math.max(error.retryMilliseconds, spread);
      }
    }
    this.#report(trueCause(error));
    return spread;
  }

  /** Whether the API server itself says so: with a 404 of a proxy all objects of the kind would disappear. */
  async #isUnknown(): Promise<boolean> {
    const [, , group, version, plural] = this.kind.path.split('/');
    try {
      const { groups } = (await this.client.get('/apis')) as GroupList;
      const served = groups.find(({ name }) => name === group)?.versions ?? [];
      if (!served.some((each) => each.version === version)) return true;
      const { resources } = (await this.client.get(`/apis/${group}/${version}`)) as ResourceList;
      return !resources.some(({ name }) => name === plural);
    } catch (error) {
      // Only the API server can answer this.
      return error instanceof ApiError && error.code === 403;
    }
  }

  #absent(): number {
    this.#version = '';
    this.#isAbsent = true;
    if (!this.#isListed || this.#objects.size > 0) this.#replace(new Map());
    this.#isFollowed();
    return spreadOut(waitAfter(++this.#absences, ABSENT_MILLISECONDS));
  }

  #report(problem: string): void {
    if (this.#problem === problem) return;
    this.#problem = problem;
    this.options.onStatus();
  }
}

interface GroupList {
  readonly groups: readonly { readonly name: string; readonly versions: readonly { readonly version: string }[] }[];
}

interface ResourceList {
  readonly resources: readonly { readonly name: string }[];
}

/** Items of a list of a built-in kind do not say what they are. */
function headed<Object extends KubernetesObject>(object: Object, list: ObjectList<Object>): Object {
  return { apiVersion: list.apiVersion, kind: list.kind.replace(/List$/u, ''), ...object };
}

function keyOf({ metadata }: KubernetesObject): string {
  return metadata.uid ?? `${metadata.namespace ?? ''}/${metadata.name}`;
}
