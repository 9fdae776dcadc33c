import type { FailureCode, Problem } from '../../failure.js';
import type { ApplyPolicyRequest, DiffRequest, SyncPoliciesRequest } from '../../generated/hauberk/v1/policy.js';
import type { ClientOrigin, Policy, PolicyName, Postures, Rule } from '../../policy/model.js';
import type { VisibilitySetting } from '../../policy/visibility.js';
import type { AcceptedKinds, EventType } from '../kubearmor/policy-event.js';

/** Methods whose requests carry policies, as manifests or typed. */
export type ReadMethod = 'applyPolicy' | 'validatePolicy' | 'syncPolicies' | 'diff' | 'restore';

/** What is asked of the thread that reads requests. */
export type ReadJob =
  | { readonly method: ReadMethod; readonly bytes: Uint8Array }
  /** To say of a failure about the policies of a request what it means for the request's own fields. */
  | { readonly method: ReadMethod; readonly bytes: Uint8Array; readonly failure: PlainFailure }
  /** The JSON of a client of KubeArmor. */
  | { readonly method: 'policyEvent'; readonly bytes: Uint8Array; readonly kinds: AcceptedKinds };

export interface PlainFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly problems: readonly Problem[];
}

/** Policies come in parts, and large ones in several, so that no part takes long to take in. */
export type ReadPart = readonly ReadPiece[];
export type ReadPiece =
  | { readonly policy: Omit<Policy, 'rules'>; readonly warnings: readonly string[] }
  /** Of the policy that came last. */
  | {
      readonly rules: readonly Rule[];
      /** How a warning about each of them begins; left out where the policy did not come as a text. */
      readonly places?: readonly string[];
    };

/** What a request says beside its policies. */
export interface ReadRest {
  /** How many objects of other kinds were passed over. */
  readonly ignored: number;
  readonly force: boolean;
  /** Who gives the policies. */
  readonly origin: ClientOrigin;
  readonly expectedVersions: ApplyPolicyRequest['expectedVersions'];
  readonly expectedRevision: SyncPoliciesRequest['expectedRevision'];
  readonly deleted: DiffRequest['deleted'];
  /** By namespace. */
  readonly postures: readonly (readonly [namespace: string, postures: Partial<Postures>])[];
  /** What clients are to have said of visibility; undefined: it stays. */
  readonly visibility: readonly VisibilitySetting[] | undefined;
  /** What a client of KubeArmor asks for; undefined in every other request. */
  readonly event: ReadEvent | undefined;
}

export interface ReadEvent {
  readonly type: EventType;
  readonly named: PolicyName;
  /** Why its policy was not taken. */
  readonly failure: PlainFailure | undefined;
}
