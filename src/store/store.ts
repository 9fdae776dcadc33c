import type { Container } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import { type Policy, type Postures, policyKey } from '../policy/model.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import type { Profile, ProfiledContainer } from '../profile/profile.js';
import { Database } from './database.js';
import { decodeRecord, encodeRecord } from './record.js';

/** What the rule numbers of one image mean, so that its events can be named after a restart. */
export interface ImageRecord {
  readonly imageId: number;
  readonly rules: readonly RuleDescription[];
}

export interface StoredPolicy {
  readonly policy: Policy;
  /** The revision of its last change. */
  readonly version: number;
}

/** What a namespace says of accesses no rule names; nothing at all takes it off the store. */
export interface StoredPosture {
  readonly namespace: string;
  readonly postures: Partial<Postures>;
}

/** A container whose accesses a profile has learnt. */
export interface StoredProfiled {
  readonly profile: string;
  readonly container: ProfiledContainer;
}

export interface StoredAccess {
  readonly profile: string;
  readonly containerId: string;
  /** What the kernel counts it by, in hexadecimal; another text for one that it does not count. */
  readonly key: string;
  readonly access: ObservedAccess;
}

export interface StoredState {
  readonly policies: readonly StoredPolicy[];
  readonly postures: readonly StoredPosture[];
  readonly containers: readonly Container[];
  readonly imageRecords: readonly ImageRecord[];
  /** In the order in which they were started. */
  readonly profiles: readonly Profile[];
  readonly profiled: readonly StoredProfiled[];
  readonly accesses: readonly StoredAccess[];
  /** Of the last change; 0 in a new store. */
  readonly revision: number;
  /** The highest id of an image ever used; 0 in a new store. */
  readonly lastImage: number;
  /** Keys of records that could not be read; they are left as they are. */
  readonly damaged: readonly string[];
}

export interface StoreChanges {
  readonly putPolicies?: readonly StoredPolicy[];
  readonly deletePolicies?: readonly string[];
  readonly putPostures?: readonly StoredPosture[];
  readonly putContainers?: readonly Container[];
  readonly deleteContainers?: readonly string[];
  readonly putImageRecords?: readonly ImageRecord[];
  readonly deleteImageRecords?: readonly number[];
  readonly putProfiles?: readonly Profile[];
  readonly deleteProfiles?: readonly string[];
  readonly putProfiled?: readonly StoredProfiled[];
  readonly deleteProfiled?: readonly StoredProfiled[];
  readonly putAccesses?: readonly StoredAccess[];
  readonly deleteAccesses?: readonly StoredAccess[];
  readonly revision?: number;
  readonly lastImage?: number;
}

const POLICY = 'policy/';
const CONTAINER = 'container/';
const IMAGE = 'image/';
const POSTURE = 'posture/';
const PROFILE = 'profile/';
const PROFILED = 'profiled/';
const ACCESS = 'access/';
/** The revision's name on disk, from before it had this one. */
const REVISION = 'generation';
const LAST_IMAGE = 'last-image';

/** What must outlive the process: policies, postures, containers, and what the rule numbers of images meant. */
export class Store {
  private constructor(private readonly database: Database) {}

  /** @throws Failure failed-precondition when the directory cannot be used, or another process uses it */
  static async open(directory: string): Promise<Store> {
    return new Store(await Database.open(directory));
  }

  async load(): Promise<StoredState> {
    const policies: StoredPolicy[] = [];
    const postures: StoredPosture[] = [];
    const containers: Container[] = [];
    const imageRecords: ImageRecord[] = [];
    const profiles: Profile[] = [];
    const profiled: StoredProfiled[] = [];
    const accesses: StoredAccess[] = [];
    const damaged: string[] = [];
    let revision = 0;
    let lastImage = 0;
    for await (const [key, text] of this.database.entries()) {
      const value = decodeRecord(text);
      if (value === undefined) damaged.push(key);
      else if (key.startsWith(POLICY)) policies.push(value as StoredPolicy);
      else if (key.startsWith(POSTURE)) postures.push(value as StoredPosture);
      else if (key.startsWith(CONTAINER)) containers.push(value as Container);
      else if (key.startsWith(IMAGE)) imageRecords.push(readImageRecord(value as StoredImageRecord));
      else if (key.startsWith(PROFILE)) profiles.push(value as Profile);
      else if (key.startsWith(PROFILED)) profiled.push(value as StoredProfiled);
      else if (key.startsWith(ACCESS)) accesses.push(value as StoredAccess);
      else if (key === REVISION) revision = value as number;
      else if (key === LAST_IMAGE) lastImage = value as number;
    }
    profiles.sort((a, b) => a.started - b.started);
    const learnt = { profiles, profiled, accesses };
    return { policies, postures, containers, imageRecords, ...learnt, revision, lastImage, damaged };
  }

  /** Writes all of it or nothing; on disk when this resolves. @throws Failure unavailable when it cannot be written */
  async commit(changes: StoreChanges): Promise<void> {
    const batch = new Map<string, string | undefined>();
    const put = (key: string, value: unknown) => batch.set(key, encodeRecord(value));
    const del = (key: string) => batch.set(key, undefined);
    for (const key of changes.deletePolicies ?? []) del(POLICY + key);
    for (const id of changes.deleteContainers ?? []) del(CONTAINER + id);
    for (const imageId of changes.deleteImageRecords ?? []) del(IMAGE + imageId);
    for (const stored of changes.putPolicies ?? []) put(POLICY + policyKey(stored.policy), stored);
    for (const posture of changes.putPostures ?? []) {
      if (Object.keys(posture.postures).length === 0) del(POSTURE + posture.namespace);
      else put(POSTURE + posture.namespace, posture);
    }
    for (const container of changes.putContainers ?? []) put(CONTAINER + container.id, container);
    for (const { imageId, rules } of changes.putImageRecords ?? []) {
      put(IMAGE + imageId, { generation: imageId, rules } satisfies StoredImageRecord);
    }
    for (const name of changes.deleteProfiles ?? []) del(PROFILE + name);
    for (const profile of changes.putProfiles ?? []) put(PROFILE + profile.name, profile);
    for (const each of changes.deleteProfiled ?? []) del(keyOfProfiled(each));
    for (const each of changes.putProfiled ?? []) put(keyOfProfiled(each), each);
    for (const each of changes.deleteAccesses ?? []) del(keyOfAccess(each));
    for (const each of changes.putAccesses ?? []) put(keyOfAccess(each), each);
    if (changes.revision !== undefined) put(REVISION, changes.revision);
    if (changes.lastImage !== undefined) put(LAST_IMAGE, changes.lastImage);
    await this.database.write(batch);
  }

  /** Deletes records by their keys, as `damaged` has them. */
  async discard(keys: readonly string[]): Promise<void> {
    await this.database.write(new Map(keys.map((key) => [key, undefined])));
  }

  close(): Promise<void> {
    return this.database.close();
  }
}

/** Names of profiles have no slash, ids of containers may have. */
function keyOfProfiled({ profile, container }: StoredProfiled): string {
  return `${PROFILED}${profile}/${container.id}`;
}

function keyOfAccess({ profile, containerId, key }: StoredAccess): string {
  return `${ACCESS}${profile}/${encodeURIComponent(containerId)}/${key}`;
}

/** An image's record as it lies on disk, where its id has an older name. */
interface StoredImageRecord {
  readonly generation: number;
  readonly rules: readonly RuleDescription[];
}

function readImageRecord({ generation, rules }: StoredImageRecord): ImageRecord {
  return { imageId: generation, rules };
}
