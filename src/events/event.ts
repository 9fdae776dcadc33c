import type { KeyObject } from '../image/reported-object.js';
import type { Action, PolicyOrigin, RuleClass } from '../policy/model.js';

/** One reported decision of the kernel, with everything a reader needs to know who, what and why. */
export interface SecurityEvent {
  /** Nanoseconds since the Unix epoch. */
  readonly time: bigint;
  readonly containerId: string;
  readonly containerName: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly policy: string;
  readonly policyNamespace: string;
  /** The origin of the policy; left out if none decided, or if it is not known. */
  readonly policyOrigin?: PolicyOrigin;
  readonly rule: string;
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
  /** Undefined, as action and result, in a summary. */
  readonly class: RuleClass | undefined;
  readonly operation: string;
  /** A path, or the description of what is none. */
  readonly object: string;
  /** The object, where it is no path; undefined too in an event that was read back from its encoded form. */
  readonly decoded: KeyObject | undefined;
  readonly action: Action | undefined;
  readonly result: 'denied' | 'passed' | undefined;
  /** A policy in audit mode would have refused it. */
  readonly wouldBlock: boolean;
  /** The Allow rule for owners of files that has stopped somebody else, with its policy; left out in all others. */
  readonly ownerRule?: string;
  /** How the pod overrides its policies, and who has set that; left out in all others. */
  readonly policyOverride?: string;
  readonly program: string;
  readonly parentProgram: string;
  readonly pid: number;
  readonly hostPid: number;
  readonly parentPid: number;
  readonly hostParentPid: number;
  readonly uid: number;
  readonly comm: string;
  readonly imageId: number;
  /** In a summary: how many events of the container the kernel suppressed since the last one; 0 in all others. */
  readonly suppressed: number;
  /**
   * In a note of such a gap: how many records the kernel dropped before it because the ring was full; absent in all
   * others.
   */
  readonly lost?: number;
  /** Of telemetry: how often the access was made in the window; absent in all others. */
  readonly count?: number;
  /** Of telemetry: which operations one access asked for together; absent in all others. */
  readonly operations?: readonly string[];
  /** Details that were looked up when the event was read. */
  readonly details?: EventDetails;
  /** The buffer with the encoded event, once it was encoded: see encode.ts. */
  encoded?: Buffer;
  encodedStart?: number;
  encodedEnd?: number;
}

/** What is needed to understand an event without its host. What could not be found is empty. */
export interface EventDetails {
  readonly hostName: string;
  /** Of /etc/machine-id. */
  readonly machineId: string;
  /** What the container was made from. */
  readonly image: string;
  /** The command line of the acting process, as a list of arguments. */
  readonly commandLine: readonly string[];
  readonly workingDirectory: string;
  /** Controlling terminal, for example `pts/0`. */
  readonly terminal: string;
  /** The acting user as the container numbers it; absent where that is not known. */
  readonly containerUid?: number;
}
