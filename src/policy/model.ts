import type { Capability } from './capability.js';
import type { AddressFamily, Direction, EndpointProtocol, Protocol } from './network.js';

/** The policy language as the domain sees it: no YAML, no gRPC, no kernel. */

/** The namespace of policies and containers that name none. */
export const DEFAULT_NAMESPACE = 'default';

export type Action = 'Allow' | 'Audit' | 'Block';

/**
 * What a rule is about: a program that is run, a path that is accessed, sockets, privileges, files by the type of their
 * filesystem, mounts, processes that are traced, namespaces that are made, behaviour that a preset names, system calls.
 * Order is that of enum image_class in bpf/include/image.h.
 */
export const RULE_CLASSES = [
  'process',
  'file',
  'network',
  'capabilities',
  'filesystems',
  'mounts',
  'ptrace',
  'namespaces',
  'presets',
  'syscalls',
] as const;
export type RuleClass = (typeof RULE_CLASSES)[number];

/** Classes that have a default posture. */
export const POSTURE_CLASSES = ['process', 'file', 'network', 'capabilities'] as const;
export type PostureClass = (typeof POSTURE_CLASSES)[number];

/**
 * Which class's posture applies to a class. In the classes without one an Allow rule only makes an exception to other
 * rules, and what no rule names is never refused.
 */
export const POSTURE_OF: Readonly<Record<RuleClass, PostureClass | undefined>> = {
  process: 'process',
  file: 'file',
  network: 'network',
  capabilities: 'capabilities',
  filesystems: 'file',
  mounts: undefined,
  ptrace: undefined,
  namespaces: undefined,
  presets: undefined,
  syscalls: undefined,
};

/** A path is absolute, normalised and at most PATH_BYTES_MAX bytes of UTF-8. */
export type PathMatch =
  | { readonly kind: 'exact'; readonly path: string }
  /** `directory` ends in a slash. Without `recursive` only the directory and its direct entries match. */
  | { readonly kind: 'directory'; readonly directory: string; readonly recursive: boolean }
  | { readonly kind: 'pattern'; readonly pattern: string };

export const PATH_BYTES_MAX = 4096;
/** The longest name in a path. */
export const NAME_BYTES_MAX = 255;
export const ARGUMENT_BYTES_MAX = 1024;

/** A socket of one of the kinds a name stands for, one that is used towards an address, or a name of a host. */
export type NetworkMatch =
  | { readonly kind: 'protocol'; readonly protocol: Protocol }
  | FamilyMatch
  | EndpointMatch
  | DomainMatch;

export interface FamilyMatch {
  readonly kind: 'family';
  readonly family: AddressFamily;
  /** Allows sockets that no rule covers. Not from a manifest: see withLocalSockets. */
  readonly local?: true;
}

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
  /**
   * Sockets whose programs write the packets, so that it is not known where these go. Not from a manifest: added to a
   * rule that blocks an endpoint, see withCompanions.
   */
  readonly raw?: true;
}

/**
 * A domain and all names below it, or with a leading `*.` those below it only: questions for them, and what is sent to
 * the addresses that the answers gave. In the form of canonicalDomain.
 */
export interface DomainMatch {
  readonly kind: 'domain';
  readonly domain: string;
  /**
   * What allowing the name permits before there is an address: making sockets, and querying servers. Not from a manifest:
   * added to the rule that allows the name, see withCompanions.
   */
  readonly lookup?: true;
  /** The name of another rule below a search suffix. Not from a manifest: see belowSuffixes. */
  readonly searched?: true;
}

/** A program of this name, wherever it is. */
export interface NameMatch {
  readonly kind: 'name';
  readonly name: string;
  /** Only the program of this path, run under that name. Not from a manifest: see followLinks. */
  readonly of?: string;
}

/** A mount: at this place or any, of this type of filesystem or any, made or taken away or both. */
export interface MountMatch {
  readonly kind: 'mount';
  readonly target?: PathMatch;
  readonly type?: string;
  readonly operation?: MountOperation;
}

/** A process that is traced: one that runs this program or any. */
export interface TraceMatch {
  readonly kind: 'trace';
  readonly target?: PathMatch;
  readonly operation?: TraceOperation;
}

export const MOUNT_OPERATIONS = ['mount', 'unmount'] as const;
export type MountOperation = (typeof MOUNT_OPERATIONS)[number];

/** Calls of these names: as they are made or, with a target, where one is given a path there. */
export interface CallMatch {
  readonly kind: 'call';
  /** Lower case, without repetition; with a target only some can be named: see CALLS_WITH_PATH. */
  readonly calls: readonly string[];
  readonly target?: CallTarget;
}
export type CallTarget = Exclude<PathMatch, { kind: 'pattern' }>;

/** To read another process's state, or to control it as well. */
export const TRACE_OPERATIONS = ['read', 'attach'] as const;
export type TraceOperation = (typeof TRACE_OPERATIONS)[number];

export const PRESETS = [
  'anonymousMapExec',
  'filelessExec',
  'protectEnv',
  'protectProc',
  'exec',
  'hardened',
  'drift',
] as const;
export type Preset = (typeof PRESETS)[number];

export interface PresetMatch {
  readonly kind: 'preset';
  readonly preset: Preset;
  /** Of `drift`: places on other filesystems than the container's root that it does not cover; at least one. */
  readonly except?: readonly PathMatch[];
}

export type Match =
  | PathMatch
  | NameMatch
  | NetworkMatch
  | { readonly kind: 'capability'; readonly capability: Capability }
  /** `type` as /proc/filesystems has it. */
  | { readonly kind: 'filesystem'; readonly type: string }
  | MountMatch
  | TraceMatch
  | { readonly kind: 'namespace'; readonly namespace: 'user' }
  | PresetMatch
  | CallMatch;

export interface Rule {
  /** Where the rule stands in its policy, for example `file.matchPaths[0]`. Unique within the policy. */
  readonly id: string;
  readonly class: RuleClass;
  readonly match: Match;
  /**
   * Programs the rule is limited to; empty for any program. For a process rule: who runs it, or has forked who does.
   * An absolute path is one program, `/bin/` are those directly in that directory, `/opt/**` all below it.
   */
  readonly sources: readonly string[];
  /** Of a file rule: what it covers. Left out: everything but mapping as executable, which reading has allowed. */
  readonly operations?: readonly FileOperation[];
  /** Of a process rule: it allows programs whose arguments are all among these, and holds for others. */
  readonly arguments?: readonly string[];
  /**
   * The rule holds only for processes with a controlling terminal, which is what `pts: false` means in a manifest.
   * False for `pts: true`: the rule holds for all processes, as without it, and is written back as it was given.
   */
  readonly terminal?: boolean;
  readonly action: Action;
  readonly readOnly: boolean;
  readonly ownerOnly: boolean;
  /** 1 to 10. */
  readonly severity: number;
  readonly tags: readonly string[];
  readonly message: string;
}

/**
 * What can be done to a file, as rules distinguish it. `attributes` are mode and owner, `map` is as executable memory.
 */
export const FILE_OPERATIONS = ['read', 'write', 'create', 'delete', 'rename', 'link', 'attributes', 'map'] as const;
export type FileOperation = (typeof FILE_OPERATIONS)[number];

/** Whom a policy can reach: containers of its namespace, of every namespace, or the host's own processes. */
export type Scope = 'namespace' | 'cluster' | 'host';

/**
 * Who applied a policy: a client of the API, the command line, or Kubernetes, by our own kinds or by KubeArmor's. No
 * origin removes the policies of another, and the same name from two origins is two policies.
 */
export const POLICY_ORIGINS = ['rpc', 'cli', 'kubernetes', 'kubernetes-kubearmor'] as const;
export type PolicyOrigin = (typeof POLICY_ORIGINS)[number];

/** Origins whose policies come by calls of the API, which also changes, backs up and restores them. */
export const CLIENT_ORIGINS = ['rpc', 'cli'] as const satisfies readonly PolicyOrigin[];
export type ClientOrigin = (typeof CLIENT_ORIGINS)[number];

/** How far a priority may be from 0, either way. */
export const PRIORITY_MAX = 1000;

export interface LabelExpression {
  /** `label`: values are `key=value` and compared with the container's labels. `namespace`: with its namespace. */
  readonly key: 'label' | 'namespace';
  readonly operator: 'In' | 'NotIn';
  readonly values: readonly string[];
}

export interface Policy {
  readonly name: string;
  /** Empty but for the scope `namespace`. */
  readonly namespace: string;
  /** `namespace` when left out. */
  readonly scope?: Scope;
  /** `rpc` when left out. */
  readonly origin?: Exclude<PolicyOrigin, 'rpc'>;
  /** Labels a container must carry, all of them; of a host policy: the host. */
  readonly matchLabels: Readonly<Record<string, string>>;
  /** Have to hold, all of them. */
  readonly matchExpressions?: readonly LabelExpression[];
  /** Rules of a higher one come before all others, whatever they say; 0 when left out. */
  readonly priority?: number;
  /** In `audit` what the policy would refuse is let through and reported, and its Allow rules activate no posture. */
  readonly mode?: 'enforce' | 'audit';
  /** False if directories may be renamed although that changes what these rules decide; true when left out. */
  readonly guards?: false;
  /** Files that processes had opened before the policy stay usable; refused at every use when left out. */
  readonly heldDescriptors?: 'leave';
  /**
   * Libraries from outside the image that programs named by Allow rules of the policy may load without losing these
   * rules. At least one; none when left out.
   */
  readonly loaderLibraries?: readonly PathMatch[];
  /** When the policy ends, in milliseconds since the Unix epoch. */
  readonly expires?: number;
  readonly rules: readonly Rule[];
}

/** What happens to an access no rule names, once an Allow rule of its class reaches the container. */
export type Posture = 'audit' | 'block';
export type Postures = Readonly<Record<PostureClass, Posture>>;
/** Those of hauberkd if nothing is set. */
export const AUDIT_POSTURES = Object.fromEntries(POSTURE_CLASSES.map((each) => [each, 'audit'])) as Postures;

/** A rule together with the policy it comes from. */
export interface BoundRule {
  readonly policy: Policy;
  readonly rule: Rule;
  /** Names of symbolic links that it was followed through, apart from those along its own path; left out if none. */
  readonly guardedLinks?: readonly string[];
}

/** What names a policy. */
export type PolicyName = Pick<Policy, 'namespace' | 'name' | 'scope' | 'origin'>;

/** Identity of a policy: unique across namespaces, scopes and origins. */
export function policyKey(policy: PolicyName): string {
  const { scope = 'namespace', origin } = policy;
  const key = scope === 'namespace' ? `${policy.namespace}/${policy.name}` : `${scope}:${policy.name}`;
  return origin === undefined ? key : `${origin}:${key}`;
}

export function originOf({ origin }: Pick<Policy, 'origin'>): PolicyOrigin {
  return origin ?? 'rpc';
}

/** The same policy, or policy name, with that origin. */
export function givenBy<Named extends PolicyName>(origin: PolicyOrigin, named: Named): Named {
  if (originOf(named) === origin) return named;
  const { origin: _, ...rest } = named;
  return { ...rest, ...(origin !== 'rpc' && { origin }) } as Named;
}

export function isOfClient(policy: Pick<Policy, 'origin'>): boolean {
  return (CLIENT_ORIGINS as readonly PolicyOrigin[]).includes(originOf(policy));
}
