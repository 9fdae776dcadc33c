import type { OverrideMode } from '../policy/override.js';
import type { Visibility } from '../policy/visibility.js';

/** The kernel's name for a container: inode numbers of two of its namespaces. */
export interface NamespacePair {
  readonly pidNamespace: number;
  readonly mountNamespace: number;
}

/** How many the kernel's maps have room for, with one place kept for the host: see bpf/include/maps.h. */
export const CONTAINERS_MAX = 65_535;

/** The description of a container by whoever reports it. */
export interface ContainerDescription {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly origin: ContainerOrigin;
  /** The image it was made from, as its runtime names it; absent if not known. */
  readonly image?: string;
  /** How its pod overrides the policies that reach it; absent: they decide as written. */
  readonly policyOverride?: PolicyOverride;
  /**
   * Which of its accesses are reported by its pod's setting; absent without one: the setting of its namespace applies.
   */
  readonly visibility?: Visibility;
}

/** What the annotation `kubearmor-policy` of a pod says. */
export interface PolicyOverride {
  readonly mode: OverrideMode;
  /** The program that wrote it, as Kubernetes names that, for example `kubectl-annotate`; empty where it is not known. */
  readonly setBy: string;
}

/** Who reported a container: a controller by RPC, or the runtime that made it. */
export type ContainerOrigin = 'registered' | 'docker' | 'cri' | 'podman' | 'host';

/** How a container came under its policies. `hook`: before its first instruction. `event`: once its runtime reported it. */
export interface Protection {
  readonly by: 'hook' | 'event' | 'registered';
  /** Milliseconds since the Unix epoch. */
  readonly since: number;
}

/**
 * What a container's root is: the device of an overlay, as the kernel numbers it, in which what its image brought can be distinguished
 * from what came later; or why that cannot be determined.
 */
export type ContainerRoot = { readonly device: number } | { readonly problem: string };

/** A container policies can reach. */
export interface Container extends ContainerDescription {
  readonly namespaces: NamespacePair;
  /** A process of the container as the host numbers it, with its start time in clock ticks since boot; absent where none was named. */
  readonly process?: ProcessIdentity;
  /**
   * `process` is the one that the runtime made the container with, which runs the container's program but may not do so
   * yet: until then it is the runtime. Never true of a process that the container itself may have made.
   */
  readonly isFirstProcess?: true;
  /**
   * When process 1 of the pid namespace started, in clock ticks since boot: tells the container from a later one whose
   * namespaces have the same numbers. Absent where it could not be found.
   */
  readonly initStartTicks?: number;
  /**
   * Where below the root of `process` its own will be, of a container that was held before its runtime had switched the
   * process there; once it has, this means nothing: see filesOf.
   */
  readonly rootBefore?: string;
  /** Absent where no process was named, and for containers that an older version wrote to disk. */
  readonly root?: ContainerRoot;
  /** Absent for containers that an older version wrote to disk. */
  readonly protection?: Protection;
  /** Not a container: the host's own processes. */
  readonly isHost?: true;
  /** Symbolic links on the ways that rules name, as they were when it became known, with their targets: see policy/links.ts. */
  readonly links: Readonly<Record<string, string>>;
  /** Links that were found later, which the container may have made itself. */
  readonly laterLinks?: Readonly<Record<string, string>>;
  /** Directories of files that rules name in which several names are treated as one: see policy/folding.ts. */
  readonly foldedPlaces?: readonly { readonly place: string; readonly isFat: boolean }[];
  /** Programs that links lead to and that have other names as well. */
  readonly sharedPrograms?: readonly string[];
}

/** Identifies one process permanently: process ids are reused, but not together with the same start time. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

export function namespaceKey(pair: NamespacePair): string {
  return `${pair.pidNamespace}:${pair.mountNamespace}`;
}

/** The namespaces that a namespaceKey stands for. */
export function namespacesIn(key: string): NamespacePair {
  const [pidNamespace, mountNamespace] = key.split(':').map(Number);
  return { pidNamespace: pidNamespace!, mountNamespace: mountNamespace! };
}

/** For people, for example `audited, set by kubectl-annotate`. */
export function describeOverride({ mode, setBy }: PolicyOverride): string {
  return setBy === '' ? mode : `${mode}, set by ${setBy}`;
}
