import type { Container, ContainerDescription, NamespacePair } from '../containers/container.js';
import type { Policy } from '../policy/model.js';
import type { RuleSet } from '../policy/rule-set.js';

/** What applying a policy did. */
export interface AppliedPolicy {
  readonly policy: Policy;
  readonly kind: 'created' | 'updated' | 'unchanged';
  readonly containerIds: readonly string[];
  readonly warnings: readonly string[];
}

/** How the daemon and its kernel are. */
export interface HostStatus {
  readonly version: string;
  readonly kernelRelease: string;
  readonly securityModules: readonly string[];
  readonly enforcing: boolean;
  /** Why not, when not; empty otherwise. */
  readonly reason: string;
  readonly programs: readonly string[];
  readonly policies: number;
  readonly containers: number;
  readonly images: number;
  readonly started: Date;
  readonly adopted: boolean;
  readonly dockerConnected: boolean;
}

/** How a caller names the container's namespaces: by a process in them, or by their inodes. */
export type ContainerIdentity = { readonly pid: number } | NamespacePair;

export interface Registration {
  readonly container: Container;
  readonly changed: boolean;
}

/** All that the RPC services need of the daemon. Every refusal is a Failure. */
export interface ControlPlane {
  /** Applies all policies of a YAML text, or none. */
  applyManifest(text: string): Promise<readonly AppliedPolicy[]>;
  /** @param document a plain object of a manifest's shape; the problems of a Failure name manifest paths */
  applyDocument(document: unknown): Promise<AppliedPolicy>;
  /** Returns the ids of the containers the policy reached; Failure not-found if there is no such policy. */
  deletePolicy(namespace: string, name: string): Promise<readonly string[]>;
  policy(namespace: string, name: string): Policy | undefined;
  policies(): readonly Policy[];
  manifestOf(policy: Policy): string;
  containerIdsReachedBy(policy: Policy): readonly string[];
  registerContainer(description: ContainerDescription, identity: ContainerIdentity): Promise<Registration>;
  /** Failure not-found if there is no such container. */
  unregisterContainer(id: string): Promise<void>;
  containers(): readonly Container[];
  policyKeysOf(container: Container): readonly string[];
  generationOf(container: Container): number;
  /** Failure not-found if there is no such container. */
  ruleSetOf(containerId: string): RuleSet;
  status(): HostStatus;
  /** Returns what ends the listening. */
  onStatusChange(listener: (status: HostStatus) => void): () => void;
}
