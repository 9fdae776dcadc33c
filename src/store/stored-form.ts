import type { Container } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import { policyKey } from '../policy/model.js';
import { type VisibilitySetting, visibilityKey } from '../policy/visibility.js';
import type { Profile } from '../profile/profile.js';
import { inTurns } from '../turns.js';
import { decodeRecord, encodeRecord } from './record.js';
import type { Records } from './seal.js';
import { isOfKind, KINDS, kindOfKey } from './stored-schema.js';
import type {
  StoreChanges,
  StoredAccess,
  StoredPolicy,
  StoredPosture,
  StoredProfiled,
  StoredState,
} from './stored-state.js';

/** What the records of a store say. */
export type StoredRecords = Omit<StoredState, 'damage' | 'remarks'>;

/** Reads records that are not damaged; `unknown` has the keys of those whose form is not known. */
export function readRecords(records: ReadonlyMap<string, string>): { state: StoredRecords; unknown: string[] } {
  const policies: StoredPolicy[] = [];
  const postures: StoredPosture[] = [];
  const visibility: VisibilitySetting[] = [];
  const containers: Container[] = [];
  const imageRecords: { imageId: number; rules: readonly RuleDescription[] }[] = [];
  const profiles: Profile[] = [];
  const profiled: StoredProfiled[] = [];
  const accesses: StoredAccess[] = [];
  const single = { revision: 0, lastImage: 0, keepsUnknown: false };
  let hostLabels: Readonly<Record<string, string>> | undefined;
  const unknown: string[] = [];
  for (const [key, text] of records) {
    const kind = kindOfKey(key);
    const value = decodeRecord(text);
    if (kind === undefined || !isOfKind(kind, value)) unknown.push(key);
    else if (kind === 'policy') policies.push(value as StoredPolicy);
    else if (kind === 'posture') postures.push(value as StoredPosture);
    else if (kind === 'visibility') visibility.push(value as VisibilitySetting);
    else if (kind === 'container') containers.push(value as Container);
    else if (kind === 'image') imageRecords.push(readImageRecord(value as StoredImageRecord));
    else if (kind === 'profile') profiles.push(value as Profile);
    else if (kind === 'profiled') profiled.push(value as StoredProfiled);
    else if (kind === 'access') accesses.push(value as StoredAccess);
    else if (kind === 'hostLabels') hostLabels = value as typeof hostLabels;
    else if (kind === 'keepsUnknown') single.keepsUnknown = value as boolean;
    else single[kind] = value as number;
  }
  profiles.sort((a, b) => a.started - b.started);
  const state = {
    policies,
    postures,
    visibility,
    containers,
    imageRecords,
    profiles,
    profiled,
    accesses,
    ...single,
    ...(hostLabels && { hostLabels }),
  };
  return { state, unknown };
}

/** The highest id of an image that records tell of. */
export function lastImageOf(records: ReadonlyMap<string, string>): number {
  const text = records.get(KINDS.lastImage);
  const value = text === undefined ? undefined : decodeRecord(text);
  return isOfKind('lastImage', value) ? (value as number) : 0;
}

/** The records that changes come to; others have their turn while they are written, for there may be thousands. */
export async function recordsOf(changes: StoreChanges): Promise<Records> {
  const batch = new Map<string, string | undefined>();
  const put = (key: string, value: unknown) => batch.set(key, encodeRecord(value));
  const del = (key: string) => batch.set(key, undefined);
  for (const key of changes.deletePolicies ?? []) del(KINDS.policy + key);
  for (const id of changes.deleteContainers ?? []) del(KINDS.container + id);
  for (const imageId of changes.deleteImageRecords ?? []) del(KINDS.image + imageId);
  for await (const stored of inTurns(changes.putPolicies ?? [])) put(KINDS.policy + policyKey(stored.policy), stored);
  for (const posture of changes.putPostures ?? []) {
    if (Object.keys(posture.postures).length === 0) del(KINDS.posture + posture.namespace);
    else put(KINDS.posture + posture.namespace, posture);
  }
  for (const key of changes.deleteVisibility ?? []) del(KINDS.visibility + key);
  for (const setting of changes.putVisibility ?? []) put(KINDS.visibility + visibilityKey(setting), setting);
  for (const container of changes.putContainers ?? []) put(KINDS.container + container.id, container);
  for (const { imageId, rules } of changes.putImageRecords ?? []) {
    put(KINDS.image + imageId, { generation: imageId, rules } satisfies StoredImageRecord);
  }
  for (const name of changes.deleteProfiles ?? []) del(KINDS.profile + name);
  for (const profile of changes.putProfiles ?? []) put(KINDS.profile + profile.name, profile);
  for (const each of changes.deleteProfiled ?? []) del(keyOfProfiled(each));
  for (const each of changes.putProfiled ?? []) put(keyOfProfiled(each), each);
  for (const each of changes.deleteAccesses ?? []) del(keyOfAccess(each));
  for (const each of changes.putAccesses ?? []) put(keyOfAccess(each), each);
  if (changes.revision !== undefined) put(KINDS.revision, changes.revision);
  if (changes.lastImage !== undefined) put(KINDS.lastImage, changes.lastImage);
  if (changes.hostLabels !== undefined) put(KINDS.hostLabels, changes.hostLabels);
  if (changes.keepsUnknown !== undefined) put(KINDS.keepsUnknown, changes.keepsUnknown);
  return batch;
}

/** Names of profiles have no slash, ids of containers may have. */
function keyOfProfiled({ profile, container }: StoredProfiled): string {
  return `${KINDS.profiled}${profile}/${container.id}`;
}

function keyOfAccess({ profile, containerId, key }: StoredAccess): string {
  return `${KINDS.access}${profile}/${encodeURIComponent(containerId)}/${key}`;
}

/** An image's record as it lies on disk, where its id has an older name. */
interface StoredImageRecord {
  readonly generation: number;
  readonly rules: readonly RuleDescription[];
}

function readImageRecord({ generation, rules }: StoredImageRecord) {
  return { imageId: generation, rules };
}
