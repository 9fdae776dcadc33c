import type { Container } from '../containers/container.js';
import type { Postures } from '../policy/model.js';
import { PolicySet as Policies, type PolicySet } from '../policy/policy-set.js';
import type { Profile } from '../profile/profile.js';
import type { VisibilitySettings } from './visibility.js';

/** What is to be decided: for which containers, by which policies. Immutable: a change makes another one. */
export interface DesiredState {
  readonly policies: PolicySet;
  /** By policy key: the revision of its last change. */
  readonly versions: ReadonlyMap<string, number>;
  readonly containers: ReadonlyMap<string, Container>;
  /** By namespace and who says it, see postureKey: the default postures it has of its own. */
  readonly postures: ReadonlyMap<string, Partial<Postures>>;
  /** By name, in the order in which they were started. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** By visibilityKey: which accesses that no policy covers are reported. */
  readonly visibility: VisibilitySettings;
}

export const NOTHING_DESIRED: DesiredState = {
  policies: Policies.empty,
  versions: new Map(),
  containers: new Map(),
  postures: new Map(),
  profiles: new Map(),
  visibility: new Map(),
};
