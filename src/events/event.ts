import type { Action, RuleClass } from '../policy/model.js';

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
  readonly rule: string;
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
  /** Undefined, as action and result, in a summary. */
  readonly class: RuleClass | undefined;
  readonly operation: string;
  readonly object: string;
  readonly action: Action | undefined;
  readonly result: 'denied' | 'passed' | undefined;
  /** A policy in audit mode would have refused it. */
  readonly wouldBlock: boolean;
  /** The Allow rule for owners of files that has stopped somebody else, with its policy; left out in all others. */
  readonly ownerRule?: string;
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
}
