import { CAPABILITIES } from '../../src/policy/capability.js';
import { policySchema, SHARED_SCHEMAS } from '../../src/policy/manifest-schema.js';
import { ADDRESS_FAMILIES, PROTOCOLS } from '../../src/policy/network.js';
import { CALLS_BY_POINT } from '../../src/policy/system-calls.js';
import type { ValueCheckName } from '../../src/policy/value-checks.js';
import { code, table } from './sections.js';

/** The parts of the manifests' schema that the tables show. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly check?: ValueCheckName;
  readonly enum?: readonly (string | null)[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly choice?: { readonly names: readonly string[]; readonly needed: boolean };
  readonly unsupported?: unknown;
}

/** The requirement of each check of a single value. */
const CHECKED: Readonly<Record<ValueCheckName, string>> = {
  path: 'an absolute path, with no `/` at its end',
  directory: 'an absolute path with a `/` at its end',
  pattern: 'an absolute path with wildcards',
  location: 'an absolute path; a `/` at its end makes it a directory',
  programName: 'a name without `/`',
  argument: 'a text of at most 1,024 bytes',
  filesystem: 'a type, as `/proc/filesystems` names it',
  time: 'a time such as `2026-12-31T23:59:59Z`',
  protocol: 'a protocol, see below',
  family: 'an address family, see below',
  capability: 'a capability, see below',
  systemCall: 'a system call',
  systemCallOnPath: 'a system call whose path is known, see below',
  auditOnly: '`Audit`',
  addressBlock: 'an address or a block of them, IPv4 or IPv6, such as `10.0.0.0/8`',
  domain: 'a name, or `*.` and a name',
  ports: 'a port or a range, such as `8000-8999`',
  name: 'a DNS subdomain',
  namespace: 'a DNS label',
};

/** Fields that every entry has, and that are described once. */
const TRAITS = ['severity', 'tags', 'message', 'action'];

function resolved(schema: Schema): Schema {
  return schema.$ref === undefined ? schema : (SHARED_SCHEMAS.get(schema.$ref) as Schema);
}

function oneOf(words: readonly string[]): string {
  return words.length === 1 ? code(words[0]!) : `one of ${words.map(code).join(', ')}`;
}

function describe(given: Schema): string {
  const schema = resolved(given);
  if (schema.check !== undefined) return CHECKED[schema.check];
  if (schema.enum !== undefined) return oneOf(schema.enum.filter((each) => each !== null));
  if (schema.type === 'boolean') return '`true` or `false`';
  if (schema.type === 'integer') return `${schema.minimum} to ${schema.maximum}`;
  if (schema.type === 'array') return `a list, each ${describe(schema.items!)}`;
  if (schema.properties !== undefined) return `with ${Object.keys(schema.properties).map(code).join(', ')}`;
  return 'a text';
}

/** Whether an entry needs the field. */
function needOf(name: string, { required = [], choice }: Schema): string {
  if (required.includes(name)) return 'needed';
  if (!choice?.names.includes(name)) return '';
  const others = choice.names.filter((each) => each !== name).map(code);
  if (others.length === 0) return 'needed';
  return `${choice.needed ? 'this or' : 'not with'} ${others.join(choice.needed ? ' or ' : ', ')}`;
}

function fieldRows(schema: Schema): string[][] {
  return Object.entries(schema.properties ?? {})
    .filter(([name, each]) => !TRAITS.includes(name) && each.unsupported === undefined)
    .map(([name, each]) => [code(name), describe(each), needOf(name, schema)]);
}

/** The fields of a section's entries. */
function sectionTable(section: string): string {
  const schema = SHARED_SCHEMAS.get(section) as Schema;
  if (schema.items !== undefined) return table(['field', 'value', ''], fieldRows(schema.items));
  const lists = new Map<string, { names: string[]; row: string[] }>();
  for (const [name, { items }] of Object.entries(schema.properties ?? {})) {
    if (TRAITS.includes(name)) continue;
    for (const row of fieldRows(items!)) {
      const known = lists.get(row.join()) ?? { names: [], row };
      known.names.push(code(name));
      lists.set(row.join(), known);
    }
  }
  const rows = [...lists.values()].map(({ names: of, row }) => [...row, of.join(', ')]);
  return table(['field', 'value', '', 'in'], rows);
}

/** The fields of `spec` beside the sections of rules. */
function specTable(): string {
  const { properties } = policySchema('KubeArmorPolicy') as Schema;
  const rows = Object.entries(properties!.spec!.properties!)
    .filter(([name, each]) => !SHARED_SCHEMAS.has(name) && each.unsupported === undefined)
    .map(([name, each]) => [code(name), describe(each)]);
  return table(['field', 'value'], rows);
}

const names = (words: readonly string[]): string => `${words.map(code).join(', ')}\n`;

const SECTIONS = [...SHARED_SCHEMAS].filter(([name]) => name !== 'fromSource').map(([name]) => name);

/** Tables of the policy language, by the names of their sections in docs/policy-reference.md. */
export const LANGUAGE_TABLES: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(SECTIONS.map((section) => [`fields-${section}`, () => sectionTable(section)])),
  'fields-spec': specTable,
  protocols: () => names(Object.keys(PROTOCOLS)),
  families: () => names(Object.keys(ADDRESS_FAMILIES)),
  capabilities: () => names(CAPABILITIES),
  'calls-with-path': () => names(Object.values(CALLS_BY_POINT).flat().sort()),
};
