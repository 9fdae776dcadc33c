import { VISIBLE_ACCESSES_MAX } from '../policy/visibility.js';
import { DEFAULT_LIMITS } from '../rpc/access/limits.js';
import { ROLES } from '../rpc/access/role.js';
import { DOCKER_SOCKET } from '../sources/followed-sockets.js';

export interface Flag {
  readonly type: 'string' | 'boolean';
  readonly value?: string;
  readonly default?: string;
  readonly choices?: readonly string[];
  readonly pattern?: RegExp;
  /** Least and greatest value of a whole number. */
  readonly range?: readonly [number, number];
  readonly help: string;
}

const POSTURES = ['audit', 'block'];
// A day: far below the maximum of timers in Node.js.
const SECONDS_MAX = 86_400;
/** Where events are exported to. A collector's password would be seen in metrics and in the log. */
const PLACE = /(?:stdout|syslog|journald|file:\/[^,]+|otlp:https?:\/\/[^,@\s]+)/;
const DOMAIN = /(?!-)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*/;
const listOf = ({ source }: RegExp) => `${source}(?:,${source})*`;
const ADDRESS = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/;

/** Every flag; all but those of NOT_IN_FILE may also stand in the configuration file. */
export const FLAGS: Readonly<Record<string, Flag>> = {
  listen: {
    type: 'string',
    value: 'ADDRESS',
    default: 'unix:/run/hauberk/hauberk.sock',
    pattern: /^unix:.+$|^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/,
    help: 'where gRPC clients connect to: unix:PATH, or ADDRESS:PORT with TLS or --insecure-tcp',
  },
  'tls-certificate': {
    type: 'string',
    value: 'FILE',
    help: "the server's certificate chain for a TCP address (PEM); reloaded when it changes, like the next two",
  },
  'tls-key': { type: 'string', value: 'FILE', help: "the server's private key (PEM)" },
  'tls-client-ca': {
    type: 'string',
    value: 'FILE',
    help: "the certificate authorities that must have signed clients' certificates (PEM)",
  },
  'insecure-tcp': {
    type: 'boolean',
    help: 'serve a loopback address without TLS; anyone who can reach it may connect',
  },
  'insecure-tcp-role': {
    type: 'string',
    value: 'ROLE',
    default: 'viewer',
    choices: ROLES,
    help: 'the role of clients there: viewer, operator or admin',
  },
  'max-message-bytes': number('BYTES', DEFAULT_LIMITS.messageBytes, [1024, 1024 ** 3], 'size of the largest request'),
  'max-connections': number('NUMBER', DEFAULT_LIMITS.connections, [1, 1_000_000], 'concurrent connections'),
  'max-calls-per-connection': number(
    'NUMBER',
    DEFAULT_LIMITS.callsPerConnection,
    [1, 1_000_000],
    'concurrent calls on one connection; further ones wait',
  ),
  'max-streams-per-client': number(
    'NUMBER',
    DEFAULT_LIMITS.streamsPerClient,
    [1, 1_000_000],
    'open streams of one client',
  ),
  'requests-per-second': number(
    'NUMBER',
    DEFAULT_LIMITS.requestsPerSecond,
    [1, 1_000_000],
    'calls per second of one client, after a burst of twice as many',
  ),
  keepalive: number(
    'SECONDS',
    DEFAULT_LIMITS.keepaliveSeconds,
    [1, SECONDS_MAX],
    'how long a connection may be idle before a keepalive ping is sent',
  ),
  'call-timeout': number(
    'SECONDS',
    DEFAULT_LIMITS.callTimeoutSeconds,
    [1, SECONDS_MAX],
    'longest time for a call that is not a stream',
  ),
  'max-unread-bytes': number(
    'BYTES',
    DEFAULT_LIMITS.unreadBytes,
    [1024, 1024 ** 3],
    'bytes of answers that one client may leave unread; its next calls wait',
  ),
  'read-timeout': number(
    'SECONDS',
    DEFAULT_LIMITS.readTimeoutSeconds,
    [1, SECONDS_MAX],
    'how long a client may take to read an answer before it is dropped',
  ),
  metrics: {
    type: 'string',
    value: 'ADDRESS:PORT',
    default: '127.0.0.1:9464',
    pattern: new RegExp(`^off$|${ADDRESS.source}`),
    help: 'where Prometheus scrapes /metrics, or off',
  },
  'state-dir': {
    type: 'string',
    value: 'DIRECTORY',
    default: '/var/lib/hauberk',
    pattern: /^\//,
    help: 'where policies and containers are kept across restarts',
  },
  'journal-bytes': number(
    'BYTES',
    256 * 1024 * 1024,
    [0, 1024 ** 4],
    'how much of the state directory the event journal may use, oldest events are removed first; 0 for no journal',
  ),
  'journal-age': number('SECONDS', 604_800, [60, 315_360_000], 'how long events are kept in the journal'),
  export: {
    type: 'string',
    value: 'PLACES',
    default: 'off',
    pattern: new RegExp(`^off$|^${listOf(PLACE)}$`),
    help: 'where every event is written as a line of JSON: file:PATH, stdout, syslog, journald (systemd) or otlp:URL (OpenTelemetry), several separated by commas, or off',
  },
  'export-file-bytes': number(
    'BYTES',
    64 * 1024 * 1024,
    [4096, 1024 ** 4],
    'size at which such a file is rotated to PATH.1',
  ),
  'export-files': number('NUMBER', 5, [1, 1000], 'how many such files are kept'),
  'bpffs-dir': {
    type: 'string',
    value: 'DIRECTORY',
    default: '/sys/fs/bpf/hauberk',
    pattern: /^\//,
    help: 'where programs and maps are pinned, on a BPF file system',
  },
  'docker-socket': {
    type: 'string',
    value: 'PATH',
    default: DOCKER_SOCKET,
    pattern: /^off$|^\//,
    help: 'socket of the Docker daemon whose containers are protected automatically, or off',
  },
  'cri-socket': {
    type: 'string',
    value: 'PATHS',
    default: 'auto',
    pattern: /^(?:auto|off)$|^\/[^,]*(?:,\/[^,]*)*$/,
    help: 'the same for containerd and CRI-O: PATH,PATH…, off, or auto for those in their usual places, also of k3s, k0s and MicroK8s',
  },
  'podman-socket': socket('the same for podman, by its Docker-compatible socket'),
  'nri-socket': socket("containerd's NRI socket, by which a container starts only once it is protected"),
  'hook-socket': {
    type: 'string',
    value: 'PATH',
    default: '/run/hauberk/hook.sock',
    pattern: /^off$|^\//,
    help: 'where hauberk-hook connects, so that runtimes start a container only once it is protected, or off',
  },
  'kubearmor-listen': {
    type: 'string',
    value: 'ADDRESSES',
    default: 'off',
    help: "where KubeArmor's clients connect to: unix:PATH or ADDRESS:PORT, several separated by commas, or off",
  },
  'kubearmor-tls-directory': {
    type: 'string',
    value: 'DIRECTORY',
    pattern: /^\//,
    help: 'directory with ca.crt, server.crt and server.key for a TCP address there (PEM); without it, only a loopback address is served',
  },
  'kubearmor-tcp-role': {
    type: 'string',
    value: 'ROLE',
    default: 'viewer',
    choices: ROLES,
    help: 'what clients may do on a TCP address without TLS there: viewer, operator or admin',
  },
  kubernetes: {
    type: 'boolean',
    help: 'follow the Kubernetes cluster of this node, from a pod with its service account: policies, postures of namespaces, labels of pods',
  },
  kubeconfig: {
    type: 'string',
    value: 'FILE',
    pattern: /^\//,
    help: 'the same with a kubeconfig',
  },
  'node-name': {
    type: 'string',
    value: 'NAME',
    pattern: /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/,
    help: 'the name of this node in the cluster (default: the variable NODE_NAME, or the host name)',
  },
  'pod-overrides': {
    type: 'string',
    value: 'WHETHER',
    default: 'follow',
    choices: ['follow', 'ignore'],
    help: 'whether the pod annotation kubearmor-policy may make its policies report only, or switch them off: follow or ignore; anyone who may change a pod can set it',
  },
  visibility: {
    type: 'string',
    value: 'CLASSES',
    default: 'none',
    pattern: /^none$|^(?:process|file|network|capabilities)(?:,(?:process|file|network|capabilities))*$/,
    help: 'which allowed accesses are reported as telemetry, unless a client or an annotation says otherwise: process, file, network, capabilities, several separated by commas, or none',
  },
  'telemetry-window': number(
    'SECONDS',
    10,
    [1, 3600],
    'how long such accesses are counted before each distinct one is reported once',
  ),
  'telemetry-limit': number(
    'NUMBER',
    1000,
    [1, VISIBLE_ACCESSES_MAX],
    'how many distinct accesses of one container are reported per window; the rest are counted',
  ),
  'log-level': {
    type: 'string',
    value: 'LEVEL',
    default: 'info',
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace'],
    help: 'fatal, error, warn, info, debug or trace',
  },
  'default-posture-process': {
    type: 'string',
    value: 'POSTURE',
    default: 'audit',
    choices: POSTURES,
    help: 'audit or block: what happens to programs that no rule matches, once an Allow rule for programs reaches a container',
  },
  'default-posture-file': {
    type: 'string',
    value: 'POSTURE',
    default: 'audit',
    choices: POSTURES,
    help: 'the same for files',
  },
  'default-posture-network': {
    type: 'string',
    value: 'POSTURE',
    default: 'audit',
    choices: POSTURES,
    help: 'the same for sockets',
  },
  'default-posture-capabilities': {
    type: 'string',
    value: 'POSTURE',
    default: 'audit',
    choices: POSTURES,
    help: 'the same for capabilities',
  },
  'file-posture-for-processes': {
    type: 'boolean',
    help: 'programs that no rule matches get the posture of files, as in KubeArmor, whatever the posture of processes is',
  },
  'cluster-domain': {
    type: 'string',
    value: 'DOMAIN',
    default: 'cluster.local',
    pattern: new RegExp(`^${DOMAIN.source}$`),
    help: 'domain of the Kubernetes cluster: names in rules also match below its search suffixes, which the resolvers of pods try first; or off',
  },
  'search-domains': {
    type: 'string',
    value: 'DOMAINS',
    default: '',
    pattern: new RegExp(`^$|^${listOf(DOMAIN)}$`),
    help: 'further domains, separated by commas, that resolvers of containers try first, such as those that nodes of a cloud have in /etc/resolv.conf: names in rules also match below them',
  },
  'events-per-second': number(
    'NUMBER',
    1000,
    [0, 1_000_000],
    'how many events of one container are reported per second, 0 for all; suppressed ones are counted',
  ),
  'event-burst': number(
    'NUMBER',
    2000,
    [1, 1_000_000],
    'how many of its events may come at once, after a quiet period',
  ),
  'max-alerts-per-second': number(
    'NUMBER',
    0,
    [0, 1_000_000],
    "KubeArmor's throttling: a container with more events than this in one second is silenced for --alert-silence, which an event reports; 0 for none",
  ),
  'alert-silence': number('SECONDS', 30, [1, SECONDS_MAX], 'how long such a container is silenced'),
  'require-hooks': {
    type: 'boolean',
    help: 'do not start if this kernel lacks a hook or rejects a program; without this flag, what is not covered is reported and the rest enforced',
  },
  'detach-on-exit': {
    type: 'boolean',
    help: 'remove the enforcement on SIGTERM; without this flag, it outlives the daemon',
  },
  'host-labels': {
    type: 'string',
    value: 'LABELS',
    default: '',
    pattern: /^$|^[^=,]+=[^,]*(?:,[^=,]+=[^,]*)*$/,
    help: 'labels of this host that the nodeSelector of host policies matches, as KEY=VALUE,…; kubearmor.io/hostname and kubernetes.io/{hostname,arch,os} are there',
  },
  rescue: {
    type: 'boolean',
    help: 'start without host policies: a way back in if one has locked you out',
  },
  'discard-damaged': {
    type: 'boolean',
    help: 'continue with what can be read of a damaged stored state, and keep its files aside; without this flag, the kernel keeps enforcing what it has and nothing can be changed until `hauberk restore`',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'a YAML file with the flags above by name (flags and environment variables win) and the roles of clients',
  },
  check: {
    type: 'boolean',
    help: 'report whether this kernel can enforce (exit status 0) or what is missing (1), and exit',
  },
  version: { type: 'boolean', help: 'print the version and exit' },
  help: { type: 'boolean', help: 'print this text and exit' },
};
/** A setting that is only in the file, since it is structured. */
export const ROLES_SETTING = 'roles';
export const NOT_IN_FILE = ['rescue', 'discard-damaged', 'config', 'check', 'version', 'help'];

/** The environment variable that sets a flag. What is for one start only has none, as it has no place in the file. */
export function variableOf(name: string): string | undefined {
  if (NOT_IN_FILE.includes(name) && name !== 'config') return undefined;
  return `HAUBERKD_${name.toUpperCase().replaceAll('-', '_')}`;
}

function number(value: string, standard: number, range: readonly [number, number], help: string): Flag {
  return { type: 'string', value, default: `${standard}`, range, help };
}

function socket(help: string): Flag {
  const pattern = /^(?:auto|off)$|^\//;
  return {
    type: 'string',
    value: 'PATH',
    default: 'auto',
    pattern,
    help: `${help}: PATH, off, or auto for the usual one`,
  };
}
