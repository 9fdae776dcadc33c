import { policyKey } from '../policy/model.js';
import { visibilityKey } from '../policy/visibility.js';
import { inTimeSlices } from '../time-slices.js';
import { decodeRecord, encodeRecord } from './record.js';
import type { Records } from './seal.js';
import { accessOfRecord, recordOfAccess } from './stored-access.js';
import {
  isOfKind,
  KINDS,
  kindOfKey,
  type RecordKind,
  type StoredImageRecord,
  type StoredValues,
} from './stored-schema.js';
import type { StoreChanges, StoredAccess, StoredProfiled, StoredState } from './stored-state.js';

/** The contents of a store's records. */
export type StoredRecords = Omit<StoredState, 'damage' | 'remarks'>;

/** Reads records that are not damaged; `unknown` has the keys of those whose form is not known. */
export function readRecords(records: ReadonlyMap<string, string>): { state: StoredRecords; unknown: string[] } {
  const found: { [Kind in RecordKind]: StoredValues[Kind][] } = {
    policy: [],
    posture: [],
    visibility: [],
    container: [],
    image: [],
    profile: [],
    profiled: [],
    access: [],
    revision: [],
    lastImage: [],
    keepsUnknown: [],
    hostLabels: [],
  };
  const take = <Kind extends RecordKind>(kind: Kind, value: unknown): boolean => {
    const isKnown = isOfKind(kind, value);
    if (isKnown) found[kind].push(value);
    return isKnown;
  };
  const unknown: string[] = [];
  for (const [key, text] of records) {
    const kind = kindOfKey(key);
    if (kind === undefined || !take(kind, decodeRecord(text))) unknown.push(key);
  }
  const [hostLabels] = found.hostLabels;
  const state = {
    policies: found.policy,
    postures: found.posture,
    visibility: found.visibility,
    containers: found.container,
    imageRecords: found.image.map(({ generation, rules }) => ({ imageId: generation, rules })),
    profiles: found.profile.sort((a, b) => a.started - b.started),
    profiled: found.profiled,
    accesses: found.access.map(accessOfRecord),
    revision: found.revision[0] ?? 0,
    lastImage: found.lastImage[0] ?? 0,
    keepsUnknown: found.keepsUnknown[0] ?? false,
    ...(hostLabels && { hostLabels }),
  };
  return { state, unknown };
}

/** The highest id of an image in the records. */
export function lastImageOf(records: ReadonlyMap<string, string>): number {
  const text = records.get(KINDS.lastImage);
  const value = text === undefined ? undefined : decodeRecord(text);
  return isOfKind('lastImage', value) ? value : 0;
}

/** The records for changes; made in steps, since there may be thousands. */
export async function recordsOf(changes: StoreChanges): Promise<Records> {
  const batch = new Map<string, string | undefined>();
  const put = (key: string, value: unknown) => batch.set(key, encodeRecord(value));
  const del = (key: string) => batch.set(key, undefined);
  for (const key of changes.deletePolicies ?? []) del(KINDS.policy + key);
  for (const id of changes.deleteContainers ?? []) del(KINDS.container + id);
  for (const imageId of changes.deleteImageRecords ?? []) del(KINDS.image + imageId);
  for await (const stored of inTimeSlices(changes.putPolicies ?? []))
    put(KINDS.policy + policyKey(stored.policy), stored);
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
  for (const each of changes.putAccesses ?? []) put(keyOfAccess(each), recordOfAccess(each));
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
