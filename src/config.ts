import { parseArgs } from 'node:util';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { readRoles } from './config-roles.js';
import { invalidInput, type Problem } from './failure.js';
import type { Posture } from './policy/model.js';
import { DEFAULT_LIMITS } from './rpc/access/limits.js';
import { NO_ASSIGNMENTS, ROLES, type Role, type RoleAssignments } from './rpc/access/role.js';
import { parseListenAddress } from './rpc/listen-address.js';

export interface Config {
  /** `unix:PATH` or `ADDRESS:PORT`. */
  readonly listen: string;
  /** Paths of PEM files: all three or none. */
  readonly tlsCertificate?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly insecureTcp: boolean;
  readonly insecureTcpRole: Role;
  /** From the configuration file alone. */
  readonly roles: RoleAssignments;
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  readonly maxCallsPerConnection: number;
  readonly maxStreamsPerClient: number;
  readonly requestsPerSecond: number;
  /** Seconds. */
  readonly keepalive: number;
  /** Seconds. */
  readonly callTimeout: number;
  /** `ADDRESS:PORT`, or `off`. */
  readonly metrics: string;
  readonly stateDir: string;
  readonly bpffsDir: string;
  /** A path, or `off`. */
  readonly dockerSocket: string;
  readonly logLevel: string;
  readonly defaultPostureProcess: Posture;
  readonly defaultPostureFile: Posture;
  readonly detachOnExit: boolean;
  readonly check: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

interface Flag {
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
// A day: far below what timers of Node.js can count.
const SECONDS_MAX = 86_400;
const ADDRESS = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/;

/** Every flag; all but the last three may also stand in the configuration file. */
const FLAGS: Readonly<Record<string, Flag>> = {
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
    help: "the server's certificate chain for a TCP address (PEM); read again when it changes, like the next two",
  },
  'tls-key': { type: 'string', value: 'FILE', help: 'its private key (PEM)' },
  'tls-client-ca': {
    type: 'string',
    value: 'FILE',
    help: "the authorities that clients' certificates must come from (PEM)",
  },
  'insecure-tcp': { type: 'boolean', help: 'serve a loopback address without TLS; whoever reaches it is let in' },
  'insecure-tcp-role': {
    type: 'string',
    value: 'ROLE',
    default: 'viewer',
    choices: ROLES,
    help: 'what clients may do there: viewer, operator or admin',
  },
  'max-message-bytes': number('BYTES', DEFAULT_LIMITS.messageBytes, [1024, 1024 ** 3], 'longest request'),
  'max-connections': number('NUMBER', DEFAULT_LIMITS.connections, [1, 1_000_000], 'connections at a time'),
  'max-calls-per-connection': number(
    'NUMBER',
    DEFAULT_LIMITS.callsPerConnection,
    [1, 1_000_000],
    'calls under way on one connection; more wait',
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
    'calls a second of one client, after a burst of twice as many',
  ),
  keepalive: number(
    'SECONDS',
    DEFAULT_LIMITS.keepaliveSeconds,
    [1, SECONDS_MAX],
    'how long a connection may be silent before it is asked for a sign of life',
  ),
  'call-timeout': number(
    'SECONDS',
    DEFAULT_LIMITS.callTimeoutSeconds,
    [1, SECONDS_MAX],
    'longest time for a call that is no stream',
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
    default: '/var/run/docker.sock',
    pattern: /^off$|^\//,
    help: 'the Docker daemon whose containers are taken in by themselves, or off',
  },
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
    help: 'audit or block: what happens to programs no rule names, once an Allow rule for programs reaches a container',
  },
  'default-posture-file': {
    type: 'string',
    value: 'POSTURE',
    default: 'audit',
    choices: POSTURES,
    help: 'the same for files',
  },
  'detach-on-exit': {
    type: 'boolean',
    help: 'take the enforcement away on SIGTERM; without it, it outlives the daemon',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'a YAML file with the flags above by name (flags given win) and the roles of clients',
  },
  check: {
    type: 'boolean',
    help: 'say whether this kernel can enforce (exit status 0) or what is missing (1), and end',
  },
  version: { type: 'boolean', help: 'print the version and end' },
  help: { type: 'boolean', help: 'print this text and end' },
};
/** What stands in the file only, as it has parts. */
const ROLES_SETTING = 'roles';
const NOT_IN_FILE = ['config', 'check', 'version', 'help'];

function number(value: string, standard: number, range: readonly [number, number], help: string): Flag {
  return { type: 'string', value, default: `${standard}`, range, help };
}

/**
 * Reads flags and, if one names it, the configuration file.
 *
 * @throws Failure invalid-argument naming each flag, or line and column of the file
 */
export function parseConfig(flags: readonly string[], readFile: (path: string) => string): Config {
  const options = Object.fromEntries(Object.entries(FLAGS).map(([name, { type }]) => [name, { type }]));
  let given: Record<string, unknown>;
  try {
    given = parseArgs({ args: [...flags], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    const [reason] = (error as Error).message.split('. ');
    throw invalidInput([{ field: 'flags', description: `${reason}; see --help` }]);
  }
  const path = given.config as string | undefined;
  const inFile = path === undefined ? {} : readConfigFile(path, readFile);
  const values: Record<string, unknown> = {};
  const problems: Problem[] = [];
  for (const [name, flag] of Object.entries(FLAGS)) {
    const value = given[name] ?? inFile[name] ?? (flag.type === 'boolean' ? false : flag.default);
    const description = checkValue(flag, value);
    if (description !== undefined) problems.push({ field: `--${name}`, description });
    const property = name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    if (value !== undefined) values[property] = flag.range === undefined ? value : Number(value);
  }
  if (problems.length > 0) throw invalidInput(problems);
  const config = { ...values, roles: inFile[ROLES_SETTING] ?? NO_ASSIGNMENTS } as unknown as Config;
  checkProtection(config);
  return config;
}

/** What no flag can get wrong alone. */
function checkProtection(config: Config): void {
  const files = {
    'tls-certificate': config.tlsCertificate,
    'tls-key': config.tlsKey,
    'tls-client-ca': config.tlsClientCa,
  };
  const names = Object.entries(files);
  const missing = names.filter(([, path]) => path === undefined).map(([name]) => name);
  if (missing.length > 0 && missing.length < names.length) {
    const description = 'must be given too: TLS needs --tls-certificate, --tls-key and --tls-client-ca';
    throw invalidInput(missing.map((name) => ({ field: `--${name}`, description })));
  }
  parseListenAddress(config.listen, { hasTls: missing.length === 0, allowsInsecureTcp: config.insecureTcp });
}

function checkValue({ type, choices, pattern, range }: Flag, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (type === 'boolean') return typeof value === 'boolean' ? undefined : `must be true or false, is ${value}`;
  if (choices !== undefined && !choices.includes(value as string))
    return `must be one of ${choices.join(', ')}, is ${value}`;
  if (pattern !== undefined && !pattern.test(value as string)) return `${value} is not of the form --help describes`;
  if (range !== undefined && !isWithin(value as string, range))
    return `must be a whole number from ${range[0]} to ${range[1]}, is ${value}`;
  return undefined;
}

function isWithin(text: string, [least, greatest]: readonly [number, number]): boolean {
  return /^\d{1,15}$/u.test(text) && Number(text) >= least && Number(text) <= greatest;
}

function readConfigFile(path: string, readFile: (path: string) => string): Record<string, unknown> {
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    throw invalidInput([{ field: '--config', description: (error as Error).message }]);
  }
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter });
  const problems: Problem[] = [];
  let roles = NO_ASSIGNMENTS;
  const at = (field: string, offset: number, description: string) => {
    const { line, col } = counter.linePos(offset);
    problems.push({ field, description, line, column: col });
  };
  for (const { message, pos } of document.errors) at(path, pos[0], message.split('\n')[0]!);
  if (document.errors.length === 0 && document.contents !== null) {
    if (!isMap(document.contents)) at(path, 0, 'must be a mapping of flag names to values');
    else {
      for (const { key, value } of document.contents.items) {
        const name = isScalar(key) ? String(key.value) : '';
        const offset = isScalar(key) ? (key.range?.[0] ?? 0) : 0;
        if (name === ROLES_SETTING) roles = readRoles(value, offset, at);
        else if (!Object.hasOwn(FLAGS, name) || NOT_IN_FILE.includes(name)) at(name || path, offset, 'is no setting');
        else if (!isScalar(value)) at(name, offset, 'must have one value');
      }
    }
  }
  if (problems.length > 0) throw invalidInput(problems);
  return Object.fromEntries(
    Object.entries((document.toJS() ?? {}) as Record<string, unknown>).map(([name, value]) => [
      name,
      name === ROLES_SETTING ? roles : typeof value === 'boolean' ? value : String(value),
    ]),
  );
}

const HELP_WIDTH = 100;
const HELP_INDENT = 32;

/** What --help prints. */
export function helpText(): string {
  const lines = ['Usage: hauberkd [FLAG…]', '', 'Enforces security policies on containers with BPF LSM.', ''];
  for (const [name, { value, help, default: standard }] of Object.entries(FLAGS)) {
    const left = `  --${name}${value === undefined ? '' : ` ${value}`}`;
    const words = (help + (standard === undefined ? '' : ` (default ${standard})`)).split(' ');
    let line = left.padEnd(HELP_INDENT);
    if (left.length >= HELP_INDENT - 1) {
      lines.push(left);
      line = ' '.repeat(HELP_INDENT);
    }
    for (const word of words) {
      if (line.length + word.length > HELP_WIDTH) {
        lines.push(line.trimEnd());
        line = ' '.repeat(HELP_INDENT);
      }
      line += `${word} `;
    }
    lines.push(line.trimEnd());
  }
  return `${lines.join('\n')}\n`;
}
