import type { Container } from '../containers/container.js';
import type { RuleDescription } from '../events/rule-description.js';
import type { Policy, Postures } from '../policy/model.js';
import type { VisibilitySetting } from '../policy/visibility.js';
import type { ObservedAccess } from '../profile/observed-access.js';
import type { Profile, ProfiledContainer } from '../profile/profile.js';

/** The meaning of the rule numbers of one image, so that its events can be explained after a restart. */
export interface ImageRecord {
  readonly imageId: number;
  readonly rules: readonly RuleDescription[];
}

export interface StoredPolicy {
  readonly policy: Policy;
  /** The revision of its last change. */
  readonly version: number;
}

/** The postures of a namespace; without any, the record is deleted. */
export interface StoredPosture {
  readonly namespace: string;
  readonly postures: Partial<Postures>;
}

/** A container whose accesses a profile has learnt. */
export interface StoredProfiled {
  readonly profile: string;
  readonly container: ProfiledContainer;
}

/** The version in which accesses are written; their objects are decoded. */
export const ACCESS_VERSION = 2;

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
  readonly visibility: readonly VisibilitySetting[];
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
  /** Whether the kernel may hold containers that an earlier store knew, and this one does not. */
  readonly keepsUnknown: boolean;
  /** The host's labels last set by something else than the daemon's flags; left out if there are none. */
  readonly hostLabels?: Readonly<Record<string, string>>;
  /** Descriptions of what is missing or damaged: if there are any, the rest must not be taken as complete. */
  readonly damage: readonly string[];
  /** What an operator should know although nothing is lost. */
  readonly remarks: readonly string[];
}

export interface StoreChanges {
  readonly putPolicies?: readonly StoredPolicy[];
  readonly deletePolicies?: readonly string[];
  readonly putPostures?: readonly StoredPosture[];
  readonly putVisibility?: readonly VisibilitySetting[];
  /** Keys. */
  readonly deleteVisibility?: readonly string[];
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
  readonly keepsUnknown?: boolean;
  readonly hostLabels?: Readonly<Record<string, string>>;
  /** Where the store is damaged: begins a new one with what can be read but policies and postures, and then these. */
  readonly isAnew?: true;
}
