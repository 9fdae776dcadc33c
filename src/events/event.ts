import type { Action } from '../policy/model.js';

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
  readonly class: 'process' | 'file';
  readonly operation: string;
  readonly object: string;
  readonly action: Action;
  readonly result: 'denied' | 'passed';
  readonly program: string;
  readonly parentProgram: string;
  readonly pid: number;
  readonly hostPid: number;
  readonly parentPid: number;
  readonly hostParentPid: number;
  readonly uid: number;
  readonly comm: string;
  readonly generation: number;
}
