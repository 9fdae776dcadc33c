import type { ValidateFunction } from 'ajv';
import type { Container } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import * as validators from '../generated/record-validators.js';
import type { VisibilitySetting } from '../policy/visibility.js';
import type { Profile } from '../profile/profile.js';
import type { StoredAccessRecord } from './stored-access.js';
import type { StoredPolicy, StoredPosture, StoredProfiled } from './stored-state.js';

/** The kinds of record, by how their keys begin or, for single ones, by the key. */
export const KINDS = {
  policy: 'policy/',
  posture: 'posture/',
  visibility: 'visibility/',
  container: 'container/',
  image: 'image/',
  profile: 'profile/',
  profiled: 'profiled/',
  access: 'access/',
  /** The older name of the revision, still used on disk. */
  revision: 'generation',
  lastImage: 'last-image',
  keepsUnknown: 'keeps-unknown',
  hostLabels: 'host-labels',
} as const;
export type RecordKind = keyof typeof KINDS;

/** An image's record as it is on disk, where its id has an older name. */
export interface StoredImageRecord {
  readonly generation: number;
  readonly rules: readonly RuleDescription[];
}

/** The contents of a record of each kind. */
export interface StoredValues {
  readonly policy: StoredPolicy;
  readonly posture: StoredPosture;
  readonly visibility: VisibilitySetting;
  readonly container: Container;
  readonly image: StoredImageRecord;
  readonly profile: Profile;
  readonly profiled: StoredProfiled;
  readonly access: StoredAccessRecord;
  readonly revision: number;
  readonly lastImage: number;
  readonly keepsUnknown: boolean;
  readonly hostLabels: Readonly<Record<string, string>>;
}

const VALIDATORS = validators as unknown as Readonly<Record<RecordKind, ValidateFunction>>;

/** The kind that a key is of; undefined: a later version's. */
export function kindOfKey(key: string): RecordKind | undefined {
  return (Object.keys(KINDS) as RecordKind[]).find((kind) => {
    const start = KINDS[kind];
    return start.endsWith('/') ? key.startsWith(start) : key === start;
  });
}

/** Whether a stored value has the form of its kind. */
export function isOfKind<Kind extends RecordKind>(kind: Kind, value: unknown): value is StoredValues[Kind] {
  return VALIDATORS[kind](value);
}
