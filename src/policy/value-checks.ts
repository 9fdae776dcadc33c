import { parseAddressBlock } from './address.js';
import { CAPABILITIES } from './capability.js';
import { checkDomain } from './domain.js';
import { quote } from './finding.js';
import { ARGUMENT_BYTES_MAX, NAME_BYTES_MAX, PATH_BYTES_MAX } from './model.js';
import { ADDRESS_FAMILIES, PROTOCOLS, parsePorts } from './network.js';
import { checkPattern } from './pattern.js';
import { suggest } from './suggestion.js';
import { CALLS_WITH_PATH, SYSTEM_CALLS } from './system-calls.js';

/** What a reader of policies is given from outside. */
export interface ReadOptions {
  /** Milliseconds since the Unix epoch: a policy must not have ended by then. */
  readonly now?: number;
}

/** Says what is wrong with a value, or undefined when it is good. */
export type ValueCheck = (value: string) => string | undefined;

/** The checks of single values that the schema refers to by name. */
export const VALUE_CHECKS = {
  path: (value) =>
    checkLocation(value) ??
    (value.endsWith('/') ? 'must not end in `/`, `matchDirectories` names directories' : undefined),
  directory: (value) => checkLocation(value) ?? (value.endsWith('/') ? undefined : 'must end in `/`'),
  pattern: (value) => checkLocation(value) ?? checkPattern(value),
  location: (value) => checkLocation(value),
  programName: (value) => {
    if (value === '') return 'must not be empty';
    if (value.includes('/')) return 'must be a name without `/`, `path` names one place';
    return checkText(value, NAME_BYTES_MAX);
  },
  // The kernel reads no more of an argument than this, so it could not tell a longer one from others.
  argument: (value) => checkText(value, ARGUMENT_BYTES_MAX),
  filesystem: (value) =>
    /^[\w.-]{1,32}$/u.test(value) ? undefined : 'must be a type of filesystem, as /proc/filesystems names it',
  time: (value) =>
    RFC_3339.test(value) && !Number.isNaN(Date.parse(value))
      ? undefined
      : 'must be a time such as `2026-12-31T23:59:59Z` (RFC 3339)',
  protocol: (value) => checkName(value, Object.keys(PROTOCOLS)),
  family: (value) => checkName(value, Object.keys(ADDRESS_FAMILIES)),
  capability: (value) => checkName(value.replace(/^cap_/iu, ''), CAPABILITIES),
  systemCall: checkCall,
  systemCallOnPath: (value) => checkCall(value) ?? checkCallWithPath(value),
  auditOnly: (value) =>
    value === 'Audit' ? undefined : `must be \`Audit\`, not ${quote(value)}: system calls are only audited`,
  addressBlock: (value) => {
    const block = parseAddressBlock(value);
    return typeof block === 'string' ? block : undefined;
  },
  domain: checkDomain,
  ports: (value) =>
    parsePorts(value) === undefined
      ? 'must be a port from 0 to 65535 or a range of them, such as `8000-8999`'
      : undefined,
  name: (value) =>
    value.length <= 253 && value.split('.').every((label) => DNS_LABEL.test(label))
      ? undefined
      : 'must be lower-case letters, digits, `-` and `.`, starting and ending in a letter or digit, ' +
        'at most 253 characters (a DNS-1123 subdomain)',
  namespace: (value) =>
    value.length <= 63 && DNS_LABEL.test(value)
      ? undefined
      : 'must be lower-case letters, digits and `-`, starting and ending in a letter or digit, ' +
        'at most 63 characters (a DNS-1123 label)',
} as const satisfies Record<string, ValueCheck>;

export type ValueCheckName = keyof typeof VALUE_CHECKS;

const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/u;

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/u;

/** One of the known words, in upper or lower case. */
function checkName(value: string, known: readonly string[]): string | undefined {
  const text = value.toLowerCase();
  if (known.includes(text)) return undefined;
  const near = suggest(text, known);
  const hint = near === undefined ? '' : `, did you mean \`${near}\`?`;
  return `must be one of ${known.join(', ')}, not ${quote(value)}${hint}`;
}

function checkCall(value: string): string | undefined {
  const name = value.toLowerCase();
  if (SYSTEM_CALLS.includes(name)) return undefined;
  const near = suggest(name, SYSTEM_CALLS);
  const hint = near === undefined ? '' : `, did you mean \`${near}\`?`;
  return `must be a system call of this machine (${process.arch}), not ${quote(value)}${hint}`;
}

function checkCallWithPath(value: string): string | undefined {
  if (CALLS_WITH_PATH.includes(value.toLowerCase())) return undefined;
  return (
    `must be a system call whose path the kernel reports, not ${quote(value)}, which \`matchSyscalls\` takes: ` +
    `one of ${CALLS_WITH_PATH.join(', ')}`
  );
}

function checkText(value: string, bytesMax: number): string | undefined {
  const bytes = Buffer.byteLength(value);
  if (bytes > bytesMax) return `is ${bytes} bytes long, at most ${bytesMax} are accepted`;
  return checkCharacters(value);
}

function checkCharacters(value: string): string | undefined {
  if (/\p{Cc}/u.test(value)) return 'must not contain control characters';
  return /\p{Cs}/u.test(value) ? 'must be well-formed Unicode' : undefined;
}

/** What holds of paths, directories and patterns alike. */
function checkLocation(value: string): string | undefined {
  if (!value.startsWith('/')) return 'must be absolute, that is start with `/`';
  const bytes = Buffer.byteLength(value);
  if (bytes > PATH_BYTES_MAX) return `is ${bytes} bytes long, at most ${PATH_BYTES_MAX} are accepted`;
  const fault = checkCharacters(value);
  if (fault !== undefined) return fault;
  // The kernel's paths are normalised: a rule with such a component would never match.
  if (value.includes('//')) return 'must not contain an empty component, that is `//`';
  const component = /\/(\.\.?)(?=\/|$)/u.exec(value)?.[1];
  return component === undefined ? undefined : `must not contain a \`${component}\` component`;
}
