import type { Capability } from './capability.js';
import type { AddressFamily, Direction, EndpointProtocol, Protocol } from './network.js';

/** The policy language as the domain sees it: no YAML, no gRPC, no kernel. */

export type Action = 'Allow' | 'Audit' | 'Block';

/**
 * What a rule speaks about. A process rule names a program that is run, a file rule a path that is accessed, a network
 * rule sockets that are used, a rule on capabilities a privilege that is used.
 */
export type RuleClass = 'process' | 'file' | 'network' | 'capabilities';
export const RULE_CLASSES: readonly RuleClass[] = ['process', 'file', 'network', 'capabilities'];

/** A path is absolute, normalised and at most PATH_BYTES_MAX bytes of UTF-8. */
export type PathMatch =
  | { readonly kind: 'exact'; readonly path: string }
  /** `directory` ends in a slash. Without `recursive` only the directory and its direct entries match. */
  | { readonly kind: 'directory'; readonly directory: string; readonly recursive: boolean }
  | { readonly kind: 'pattern'; readonly pattern: string };

export const PATH_BYTES_MAX = 4096;

/** A socket of one of the kinds a name stands for, or one that is used towards an address. */
export type NetworkMatch =
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  | { readonly kind: 'family'; readonly family: AddressFamily }
  | EndpointMatch;

/**
 * The other end of a connection: its address, and its port for what goes out (egress). For what comes in (ingress) the
 * port is that of this end. What is left out matches anything; texts are kept as written.
 */
export interface EndpointMatch {
  readonly kind: 'endpoint';
  readonly protocol?: EndpointProtocol;
  readonly cidr?: string;
  readonly ports?: string;
  readonly direction?: Direction;
}

export type Match = PathMatch | NetworkMatch | { readonly kind: 'capability'; readonly capability: Capability };

export interface Rule {
  /** Where the rule stands in its policy, for example `file.matchPaths[0]`. Unique within the policy. */
  readonly id: string;
  readonly class: RuleClass;
  readonly match: Match;
  /** Programs the rule is limited to, absolute paths; empty for any program. For a process rule: who runs it. */
  readonly sources: readonly string[];
  readonly action: Action;
  readonly readOnly: boolean;
  readonly ownerOnly: boolean;
  /** 1 to 10. */
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
}

export interface Policy {
  readonly name: string;
  readonly namespace: string;
  /** Labels a container of the same namespace must carry, all of them. */
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly rules: readonly Rule[];
}

/** What happens to an access no rule names, once an Allow rule of its class reaches the container. */
export type Posture = 'audit' | 'block';
export type Postures = Readonly<Record<RuleClass, Posture>>;

/** A rule together with the policy it comes from. */
export interface BoundRule {
  readonly policy: Policy;
  readonly rule: Rule;
}

/** Identity of a policy: unique across namespaces. */
export function policyKey(policy: { readonly namespace: string; readonly name: string }): string {
  return `${policy.namespace}/${policy.name}`;
}
