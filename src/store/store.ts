import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Container } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import { Failure } from '../failure.js';
import { type Policy, policyKey } from '../policy/model.js';
import { decodeRecord, encodeRecord } from './record.js';

/** What the rule numbers of one image mean, so that its events can be named after a restart. */
export interface ImageRecord {
  readonly generation: number;
  readonly rules: readonly RuleDescription[];
}

export interface StoredState {
  readonly policies: readonly Policy[];
  readonly containers: readonly Container[];
  readonly imageRecords: readonly ImageRecord[];
  /** The highest generation ever used; 0 in a new store. */
  readonly generation: number;
  /** Keys of records that could not be read; they are left as they are. */
  readonly damaged: readonly string[];
}

export interface StoreChanges {
  readonly putPolicies?: readonly Policy[];
  readonly deletePolicies?: readonly string[];
  readonly putContainers?: readonly Container[];
  readonly deleteContainers?: readonly string[];
  readonly putImageRecords?: readonly ImageRecord[];
  readonly deleteImageRecords?: readonly number[];
  readonly generation?: number;
}

const POLICY = 'policy/';
const CONTAINER = 'container/';
const IMAGE = 'image/';
const GENERATION = 'generation';

/** What must outlive the process: policies, containers, and what image generations meant. */
export class Store {
  readonly #database: ClassicLevel<string, string>;

  private constructor(database: ClassicLevel<string, string>) {
    this.#database = database;
  }

  /** @throws Failure failed-precondition when the directory cannot be used, or another process uses it */
  static async open(directory: string): Promise<Store> {
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const database = new ClassicLevel<string, string>(join(directory, 'store'), { valueEncoding: 'utf8' });
      await database.open();
      return new Store(database);
    } catch (error) {
      const reason = ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
      throw new Failure('failed-precondition', `cannot open the state in ${directory}: ${reason}`, [], {
        cause: error,
      });
    }
  }

  async load(): Promise<StoredState> {
    const policies: Policy[] = [];
    const containers: Container[] = [];
    const imageRecords: ImageRecord[] = [];
    const damaged: string[] = [];
    let generation = 0;
    for await (const [key, text] of this.#database.iterator()) {
      const value = decodeRecord(text);
      if (value === undefined) damaged.push(key);
      else if (key.startsWith(POLICY)) policies.push(value as Policy);
      else if (key.startsWith(CONTAINER)) containers.push(value as Container);
      else if (key.startsWith(IMAGE)) imageRecords.push(value as ImageRecord);
      else if (key === GENERATION) generation = value as number;
    }
    return { policies, containers, imageRecords, generation, damaged };
  }

  /** Writes all of it or nothing; on disk when this resolves. */
  async commit(changes: StoreChanges): Promise<void> {
    const batch = this.#database.batch();
    const put = (key: string, value: unknown) => batch.put(key, encodeRecord(value));
    for (const key of changes.deletePolicies ?? []) batch.del(POLICY + key);
    for (const id of changes.deleteContainers ?? []) batch.del(CONTAINER + id);
    for (const generation of changes.deleteImageRecords ?? []) batch.del(IMAGE + generation);
    for (const policy of changes.putPolicies ?? []) put(POLICY + policyKey(policy), policy);
    for (const container of changes.putContainers ?? []) put(CONTAINER + container.id, container);
    for (const record of changes.putImageRecords ?? []) put(IMAGE + record.generation, record);
    if (changes.generation !== undefined) put(GENERATION, changes.generation);
    await batch.write({ sync: true });
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
