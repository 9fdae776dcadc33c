import type { FailureCode, Problem } from '../../failure.js';
import type { ApplyPolicyRequest, DiffRequest, SyncPoliciesRequest } from '../../generated/hauberk/v1/policy.js';
import type { ClientOrigin, Policy, PolicyName, Postures, Rule } from '../../policy/model.js';
import type { VisibilitySetting } from '../../policy/visibility.js';
import type { AcceptedKinds, EventType } from '../kubearmor/policy-event.js';

/** Methods whose requests carry policies, as manifests or typed. */
export type ReadMethod = 'applyPolicy' | 'validatePolicy' | 'syncPolicies' | 'diff' | 'restore';

/** A job for the thread that reads requests. */
export type ReadJob =
  | { readonly method: ReadMethod; readonly bytes: Uint8Array }
  /** To translate a failure about policies into one about the request's own fields. */
  | { readonly method: ReadMethod; readonly bytes: Uint8Array; readonly failure: PlainFailure }
  /** The JSON of a client of KubeArmor. */
  | { readonly method: 'policyEvent'; readonly bytes: Uint8Array; readonly kinds: AcceptedKinds };

export interface PlainFailure {
  readonly code: FailureCode;
  readonly message: string;
  readonly problems: readonly Problem[];
}

/** Policies come in parts, large ones in several, so that each part is processed quickly. */
export type ReadPart = readonly ReadPiece[];
export type ReadPiece =
  | { readonly policy: Omit<Policy, 'rules'>; readonly warnings: readonly string[] }
  /** Of the policy that came last. */
  | {
      readonly rules: readonly Rule[];
      /** How a warning about each of them begins; left out where the policy did not come as a text. */
      readonly places?: readonly string[];
    };

/** The fields of a request beside its policies. */
export interface ReadRest {
  /** How many objects of other kinds were skipped. */
  readonly ignored: number;
  readonly force: boolean;
  /** The origin of the policies. */
  readonly origin: ClientOrigin;
  readonly expectedVersions: ApplyPolicyRequest['expectedVersions'];
  readonly expectedRevision: SyncPoliciesRequest['expectedRevision'];
  readonly deleted: DiffRequest['deleted'];
  /** By namespace. */
  readonly postures: readonly (readonly [namespace: string, postures: Partial<Postures>])[];
  /** The new visibility settings of clients; undefined: they stay. */
  readonly visibility: readonly VisibilitySetting[] | undefined;
  /** What a client of KubeArmor asks for; undefined in every other request. */
  readonly event: ReadEvent | undefined;
}

export interface ReadEvent {
  readonly type: EventType;
  readonly named: PolicyName;
  /** Why its policy was not accepted. */
  readonly failure: PlainFailure | undefined;
}
