import type { ChangePreview } from './change-preview.js';
import type { ContainerRegistry } from './container-registry.js';
import type { ContainerTracker } from './container-tracker.js';
import type { HostState } from './host-state.js';
import type { IntakeCounts } from './intake-counts.js';
import type { PolicyDiff } from './policy-diff.js';
import type { PolicyRegistry } from './policy-registry.js';
import type { ProfileRegistry } from './profile-registry.js';
import type { UnprotectedContainers } from './protection.js';
import type { Telemetry } from './telemetry.js';
import type { VisibilityRegistry } from './visibility-registry.js';

/** All that the RPC services need of the daemon. Every refusal is a Failure. */
export interface ControlPlane {
  readonly policies: PolicyRegistry;
  readonly containers: ContainerRegistry;
  readonly tracker: ContainerTracker;
  readonly host: HostState;
  /** Containers that are known and not protected. */
  readonly unprotected: UnprotectedContainers;
  /** What became of the containers that their runtimes reported. */
  readonly intake: IntakeCounts;
  readonly profiles: ProfileRegistry;
  /** Whose accesses are reported although no policy covers them. */
  readonly visibility: VisibilityRegistry;
  /** Where they are told. */
  readonly telemetry: Pick<Telemetry, 'hub' | 'limits'>;
  /** Judges a change by the accesses that were seen. */
  readonly judge: (change: ChangePreview) => Promise<PolicyDiff>;
}
