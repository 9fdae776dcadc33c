import { parseArgs } from 'node:util';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { invalidInput, type Problem } from './failure.js';
import type { Posture } from './policy/model.js';

export interface Config {
  /** `unix:PATH` or `ADDRESS:PORT`. */
  readonly listen: string;
  /** `ADDRESS:PORT`, or `off`. */
  readonly metrics: string;
  readonly stateDir: string;
  readonly bpffsDir: string;
  /** A path, or `off`. */
  readonly dockerSocket: string;
  readonly logLevel: string;
  readonly defaultPostureProcess: Posture;
  readonly defaultPostureFile: Posture;
  readonly defaultPostureNetwork: Posture;
  readonly defaultPostureCapabilities: Posture;
  readonly eventsPerSecond: string;
  readonly eventBurst: string;
  readonly detachOnExit: boolean;
  readonly discardDamaged: boolean;
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
  readonly help: string;
}

const WHOLE_NUMBER = /^\d{1,7}$/;
const POSTURES = ['audit', 'block'];
const ADDRESS = /^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/;

/** Every flag; all but those of NOT_IN_FILE may also stand in the configuration file. */
const FLAGS: Readonly<Record<string, Flag>> = {
  listen: {
    type: 'string',
    value: 'ADDRESS',
    default: 'unix:/run/hauberk/hauberk.sock',
    pattern: /^unix:.+$|^(?:\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/,
    help: 'where gRPC clients connect to: unix:PATH (mode 0600) or ADDRESS:PORT (loopback only)',
  },
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
  'events-per-second': {
    type: 'string',
    value: 'NUMBER',
    default: '1000',
    pattern: WHOLE_NUMBER,
    help: 'how many events of one container are reported a second, 0 for all; those held back are counted',
  },
  'event-burst': {
    type: 'string',
    value: 'NUMBER',
    default: '2000',
    pattern: WHOLE_NUMBER,
    help: 'how many of them at once, after a quiet time',
  },
  'detach-on-exit': {
    type: 'boolean',
    help: 'take the enforcement away on SIGTERM; without it, it outlives the daemon',
  },
  'discard-damaged': {
    type: 'boolean',
    help: 'start without stored records that are damaged; without it, hauberkd does not start when there are any',
  },
  config: { type: 'string', value: 'FILE', help: 'a YAML file with the flags above by name; flags given win' },
  check: {
    type: 'boolean',
    help: 'say whether this kernel can enforce (exit status 0) or what is missing (1), and end',
  },
  version: { type: 'boolean', help: 'print the version and end' },
  help: { type: 'boolean', help: 'print this text and end' },
};
const NOT_IN_FILE = ['discard-damaged', 'config', 'check', 'version', 'help'];

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
    values[name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())] = value;
  }
  if (problems.length > 0) throw invalidInput(problems);
  return values as unknown as Config;
}

function checkValue({ type, choices, pattern }: Flag, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (type === 'boolean') return typeof value === 'boolean' ? undefined : `must be true or false, is ${value}`;
  if (choices !== undefined && !choices.includes(value as string))
    return `must be one of ${choices.join(', ')}, is ${value}`;
  if (pattern !== undefined && !pattern.test(value as string)) return `${value} is not of the form --help describes`;
  return undefined;
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
        if (!(name in FLAGS) || NOT_IN_FILE.includes(name)) at(name || path, offset, 'is no setting');
        else if (!isScalar(value)) at(name, offset, 'must have one value');
      }
    }
  }
  if (problems.length > 0) throw invalidInput(problems);
  return Object.fromEntries(
    Object.entries((document.toJS() ?? {}) as Record<string, unknown>).map(([name, value]) => [
      name,
      typeof value === 'boolean' ? value : String(value),
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
