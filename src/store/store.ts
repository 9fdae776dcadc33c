import { mkdirSync } from 'node:fs';
import { Database } from './database.js';
import { inspect } from './inspection.js';
import { newSeal, type Records, type Seal } from './seal.js';
import { SealedDatabase } from './sealed-database.js';
import { StoreFailure } from './store-failure.js';
import { lastImageOf, readRecords, recordsOf, type StoredRecords } from './stored-form.js';
import type { StoreChanges, StoredState } from './stored-state.js';
import { type Testimony, Witness } from './witness.js';

export type * from './stored-state.js';

/** How long to wait before trying again to write after that has failed. */
const RETRY_MILLISECONDS = 1000;

/** Where the witness of a store is kept: beside it, so that removing one does not remove the other. */
export function witnessDirectoryOf(directory: string): string {
  return `${directory}-witness`;
}

/**
 * Stores what must outlive the process: policies, postures, containers, and the meaning of rule numbers in images. Each
 * write is sealed, in the store and by a witness elsewhere, before it is acknowledged.
 */
export class Store {
  readonly #witness: Witness;
  #database: Database | undefined;
  #sealed: SealedDatabase | undefined;
  #damage: readonly string[] = [];
  /** What could be read of a damaged store. */
  #readable: StoredRecords | undefined;
  #problem: StoreFailure | undefined;
  #witnessProblem: string | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Called when `problem` or `damage` has changed. */
  onStatus: () => void = () => undefined;

  private constructor(
    readonly directory: string,
    witnessDirectory: string,
  ) {
    this.#witness = new Witness(witnessDirectory);
  }

  /**
   * @param witnessDirectory where what was acknowledged is recorded a second time; beside the store's when left out
   * @throws Failure failed-precondition when the directory cannot be used, or another process uses it
   */
  static async open(directory: string, witnessDirectory = witnessDirectoryOf(directory)): Promise<Store> {
    const store = new Store(directory, witnessDirectory);
    const state = Database.state(directory);
    if (state === 'present') {
      const opened = await Database.open(directory);
      if (typeof opened === 'string') store.#damage = [opened];
      else store.#database = opened;
    } else if (state === 'broken') store.#damage = ['its files are there, but not the index of them'];
    else if (hasNoTestimony(await store.#witness.read())) store.#database = await begin(directory);
    return store;
  }

  /** What is missing or damaged; nothing can be written while there is anything. */
  get damage(): readonly string[] {
    return this.#damage;
  }

  /** Why no witness is kept; undefined while one is. */
  get witnessProblem(): string | undefined {
    return this.#witnessProblem;
  }

  /** Why nothing can be written at present; undefined while it can be. */
  get problem(): StoreFailure | undefined {
    return this.#damage.length > 0 ? this.#damageFailure() : this.#problem;
  }

  /**
   * Reads the store; the first time, judges whether it is what was acknowledged.
   *
   * @param newestImage the highest id of an image that the kernel decides by; 0: none
   * @throws StoreFailure where a write that was not acknowledged cannot be undone
   */
  async load(newestImage = 0): Promise<StoredState> {
    if (this.#sealed !== undefined) return { ...(await this.#sealed.read()), damage: [], remarks: [] };
    const testimony = await this.#witness.read();
    let found = new Map<string, string>();
    const damage = [...this.#damage];
    try {
      if (damage.length === 0) found = (await this.#database?.all()) ?? found;
    } catch (error) {
      damage.push((error as Error).message);
    }
    const judged = inspect(found, { testimony, newestImage }, lastImageOf);
    // Where its files cannot be read there is nothing to compare.
    if (damage.length === 0) damage.push(...judged.damage);
    const { state, unknown } = readRecords(judged.records);
    if (unknown.length > 0) damage.push(`the form of records is not known: ${unknown.join(', ')}`);
    if (damage.length > 0) {
      // Without one, the runtimes' hook assumes that Hauberk was removed.
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      this.#damage = damage;
      const revision = Math.max(state.revision, testimony.seal?.count ?? 0);
      this.#readable = { ...state, revision, lastImage: Math.max(state.lastImage, newestImage) };
      return { ...this.#readable, damage, remarks: [] };
    }
    const seal = judged.seal ?? newSeal(found);
    if (testimony.state === 'absent') await this.#beginWitness(seal);
    this.#sealed = new SealedDatabase(this.#database!, this.#keptWitness, seal);
    if (judged.undo !== undefined) await this.#sealed.undo(judged.undo);
    if (testimony.state !== 'absent' && judged.remarks.length > 0) await this.#witness.begin(seal);
    return { ...state, damage, remarks: judged.remarks };
  }

  /**
   * Writes all of it or nothing; on disk when this resolves.
   *
   * @throws StoreFailure resource-exhausted where there is no room, unavailable when it cannot be written or is damaged
   */
  commit(changes: StoreChanges): Promise<void> {
    return this.#inOrder(() => this.#commit(changes));
  }

  /**
   * Continues with the readable part of a damaged store, in a new one; the files of the old one are kept beside it.
   *
   * @returns where they are; undefined: there were none
   */
  discardDamage(): Promise<string | undefined> {
    return this.#inOrder(async () => this.#beginAnew(await recordsOf(contentsOf(this.#readable!))));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#last;
    await this.#database?.close();
  }

  /** If there never was a witness, failing to keep one must not prevent enforcement. */
  async #beginWitness(seal: Seal): Promise<void> {
    try {
      await this.#witness.begin(seal);
    } catch (error) {
      if ((error as StoreFailure).code !== 'unavailable') throw error;
      const what = 'the loss of the whole state would not be noticed after a reboot';
      this.#witnessProblem = `no witness of the stored state is kept: ${(error as Error).message}; ${what}`;
    }
  }

  get #keptWitness(): Witness | undefined {
    return this.#witnessProblem === undefined ? this.#witness : undefined;
  }

  #inOrder<Result>(task: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(task);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #commit(changes: StoreChanges): Promise<void> {
    if (this.#sealed === undefined && this.#damage.length === 0) await this.load();
    if (this.#damage.length === 0) return this.#write(await recordsOf(changes));
    if (changes.isAnew === undefined) throw this.#damageFailure();
    const kept = contentsOf({ ...this.#readable!, policies: [], postures: [] });
    await this.#beginAnew(new Map([...(await recordsOf(kept)), ...(await recordsOf(changes))]));
  }

  async #write(batch: Records): Promise<void> {
    try {
      await this.#sealed!.write(batch);
    } catch (error) {
      this.#failed(error as StoreFailure);
      throw error;
    }
    clearTimeout(this.#retry);
    this.#report(undefined);
  }

  async #beginAnew(batch: Records): Promise<string | undefined> {
    await this.#database?.close();
    this.#database = undefined;
    const aside = Database.setAside(this.directory);
    let database: Database | undefined;
    try {
      database = await begin(this.directory);
      const sealed = new SealedDatabase(database, this.#keptWitness, newSeal(new Map()));
      await sealed.write(batch);
      this.#sealed = sealed;
      this.#database = database;
    } catch (error) {
      await database?.close();
      Database.putBack(this.directory, aside);
      throw error;
    }
    this.#damage = [];
    this.#readable = undefined;
    this.onStatus();
    return aside;
  }

  /** Retries by itself, since there may be no write soon that would show whether writing works again. */
  #failed(failure: StoreFailure): void {
    this.#report(failure);
    clearTimeout(this.#retry);
    if (this.#isClosed) return;
    this.#retry = setTimeout(() => {
      this.#inOrder(() => this.#write(new Map())).catch(() => undefined);
    }, RETRY_MILLISECONDS).unref();
  }

  #report(problem: StoreFailure | undefined): void {
    const isNews = this.#problem?.message !== problem?.message;
    this.#problem = problem;
    if (isNews) this.onStatus();
  }

  #damageFailure(): StoreFailure {
    return new StoreFailure(
      'unavailable',
      `the state in ${this.directory} is damaged: ${this.#damage.join('; ')}. What the kernel holds stays in force, and ` +
        'nothing can be changed until it is restored from a backup by `hauberk restore FILE`, or hauberkd is started once ' +
        'with --discard-damaged',
    );
  }
}

/** Whether a witness reports no write. */
function hasNoTestimony({ state, seal }: Testimony): boolean {
  return state === 'absent' || (seal?.count === 0 && seal.records === 0);
}

async function begin(directory: string): Promise<Database> {
  const opened = await Database.open(directory);
  if (typeof opened === 'string')
    throw new StoreFailure('unavailable', `cannot begin a store in ${directory}: ${opened}`);
  return opened;
}

/** All that a store held, as changes to an empty one. */
function contentsOf(state: StoredRecords): StoreChanges {
  return {
    putPolicies: state.policies,
    putPostures: state.postures,
    putVisibility: state.visibility,
    putContainers: state.containers,
    putImageRecords: state.imageRecords,
    putProfiles: state.profiles,
    putProfiled: state.profiled,
    putAccesses: state.accesses,
    ...(state.hostLabels && { hostLabels: state.hostLabels }),
    revision: state.revision,
    lastImage: state.lastImage,
    keepsUnknown: true,
  };
}
