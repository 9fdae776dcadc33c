import type { ContainerKeeper } from './container-keeper.js';
import type { ContainerRegistry } from './container-registry.js';
import type { HostState } from './host-state.js';
import type { PolicyRegistry } from './policy-registry.js';

/** All that the RPC services need of the daemon. Every refusal is a Failure. */
export interface ControlPlane {
  readonly policies: PolicyRegistry;
  readonly containers: ContainerRegistry;
  readonly keeper: ContainerKeeper;
  readonly host: HostState;
}
