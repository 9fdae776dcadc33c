/** The policy language as the domain sees it: no YAML, no gRPC, no kernel. */

export type Action = 'Allow' | 'Audit' | 'Block';

/** What a rule speaks about. A process rule names a program that is run, a file rule a path that is accessed. */
export type RuleClass = 'process' | 'file';
export const RULE_CLASSES: readonly RuleClass[] = ['process', 'file'];

/** A path is absolute, normalised and at most PATH_BYTES_MAX bytes of UTF-8. */
export type PathMatch =
  | { readonly kind: 'exact'; readonly path: string }
  /** `directory` ends in a slash. Without `recursive` only the directory and its direct entries match. */
  | { readonly kind: 'directory'; readonly directory: string; readonly recursive: boolean }
  | { readonly kind: 'pattern'; readonly pattern: string };

export const PATH_BYTES_MAX = 4096;

export interface Rule {
  /** Where the rule stands in its policy, for example `file.matchPaths[0]`. Unique within the policy. */
  readonly id: string;
  readonly class: RuleClass;
  readonly match: PathMatch;
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
