import type { FileChange } from './change.js';
import type { WhenUnanswered } from './hook-program.js';

export const RUNTIMES = ['docker', 'containerd', 'crio', 'podman'] as const;
export type RuntimeName = (typeof RUNTIMES)[number];

/** The changes to write, and notes on what the operator has to know or do. */
export interface Plan {
  readonly changes: readonly FileChange[];
  readonly notes: readonly string[];
}

/**
 * Whether containers start under the hook.
 * in-force: every container that the runtime makes from now on.
 * partly: as in-force, but there are containers that were made without it.
 * not-in-force-yet: configured, but the runtime still runs with what it read before.
 * incomplete: configured, but a part is missing or another setting wins.
 * not-installed: nothing is configured.
 */
export type SetupState = 'in-force' | 'partly' | 'not-in-force-yet' | 'incomplete' | 'not-installed';

/** A container that was made without the hook, and stays so until it is made again. */
export interface UncoveredContainer {
  readonly id: string;
  readonly name: string;
  readonly runtime: string;
  readonly running: boolean;
}

export interface SetupStatus {
  readonly runtime: RuntimeName;
  readonly state: SetupState;
  /** The runtime's file that names the hook. */
  readonly configuration: string;
  /** What the hook does when the daemon does not answer; undefined where nothing says so. */
  readonly whenUnanswered: WhenUnanswered | undefined;
  readonly notes: readonly string[];
  readonly uncovered: readonly UncoveredContainer[];
}

export interface SetupOptions {
  /** The file of the program that is copied to the host. */
  readonly hookSource: string;
  /** Where it is copied to. */
  readonly hookDirectory: string;
  /** Undefined leaves what is configured. */
  readonly whenUnanswered?: WhenUnanswered | undefined;
  /** CRI's namespaces whose containers may start without protection; added to those that are configured. */
  readonly exemptNamespaces?: readonly string[] | undefined;
  /** The runtime's configuration file, where it is not the usual one. */
  readonly configuration?: string | undefined;
  /** containerd: the specification to start from instead of its own default. */
  readonly baseSpec?: string | undefined;
  /** docker: whether dockerd is told to read its configuration again afterwards. */
  readonly reload?: boolean | undefined;
  /** containerd: switch NRI on as well. */
  readonly nri?: boolean | undefined;
}

/** One runtime's way to start containers under the hook. */
export interface RuntimeSetup {
  readonly name: RuntimeName;
  /** Whether the runtime seems to be installed at all. */
  isPresent(): boolean;
  planInstall(): Plan;
  planUninstall(): Plan;
  status(): Promise<SetupStatus>;
  /** Makes the running runtime reload its configuration, if it can; true if it then uses it. */
  reload?(): Promise<boolean>;
}
