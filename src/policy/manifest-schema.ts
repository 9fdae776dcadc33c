import { FILE_OPERATIONS, MOUNT_OPERATIONS, PRESETS, PRIORITY_MAX, TRACE_OPERATIONS } from './model.js';
import { DIRECTIONS, ENDPOINT_PROTOCOLS } from './network.js';
import type { ValueCheckName } from './value-checks.js';

/**
 * The JSON Schema of one policy document. Three keywords are ours: `check` names one of the value checks, `choice` says
 * of which fields only one may be there, `unsupported` names a field that only KubeArmor has, or that this version
 * does not know yet: it is refused unless it says nothing.
 */

export const POLICY_KINDS = ['KubeArmorPolicy', 'KubeArmorClusterPolicy', 'KubeArmorHostPolicy'] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

const text: Schema = { type: 'string' };
const flag: Schema = { type: 'boolean', nullable: true };

const mapping = (properties: Properties, required: readonly string[] = []): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const list = (items: Schema): Schema => ({ type: 'array', items });
const optional = (schema: Schema): Schema => ({ ...schema, nullable: true });
const checked = (check: ValueCheckName): Schema => ({ type: 'string', check });
const unsupported = (field: string): Schema => ({ unsupported: { field, isKnown: true } });
/** What KubeArmor's language has and ours does not. */
const kubeArmors = (field: string): Schema => ({ unsupported: { field, isKnown: false } });

/** Schemas that others refer to by name, so that each is compiled once. */
export const SHARED_SCHEMAS = new Map<string, Schema>();

function shared(name: string, schema: Schema): Schema {
  SHARED_SCHEMAS.set(name, schema);
  return { $ref: name };
}

const traits: Properties = {
  severity: optional({ type: 'integer', minimum: 1, maximum: 10 }),
  tags: optional(list(text)),
  message: optional(text),
  action: optional({ type: 'string', enum: ['Allow', 'Audit', 'Block', null] }),
};

/** Exactly one of these fields, or at most one where none is needed. */
const choiceOf = (names: readonly string[], needed: boolean): Schema => ({ choice: { names, needed } });

const fromSourceOf = (directory: ValueCheckName): Schema =>
  optional(
    list({
      ...mapping({ path: optional(checked('path')), dir: optional(checked(directory)), recursive: flag }),
      ...choiceOf(['path', 'dir'], true),
    }),
  );
const fromSource = shared('fromSource', fromSourceOf('directory'));

const item: Properties = { ...traits, ownerOnly: flag };
const terminal: Properties = { pts: flag };

const entries = (properties: Properties, key?: string) =>
  optional(
    list(mapping({ ...traits, ...properties, fromSource, pts: kubeArmors('pts') }, key === undefined ? [] : [key])),
  );

/** Where a mount is made or which program another process runs; nothing for any. */
const places: Properties = {
  path: optional(checked('path')),
  dir: optional(checked('directory')),
  recursive: flag,
  pattern: optional(checked('pattern')),
};
const placeEntries = (properties: Properties) =>
  optional(
    list({
      ...mapping({ ...traits, ...places, ...properties, fromSource }),
      ...choiceOf(['path', 'dir', 'pattern'], false),
    }),
  );
const oneOf = (words: readonly string[]) => optional({ type: 'string', enum: [...words, null] });

const networkSection: Schema = optional(
  mapping({
    ...traits,
    matchProtocols: entries({ protocol: checked('protocol') }, 'protocol'),
    matchFamilies: entries({ family: checked('family') }, 'family'),
    matchEndpoints: entries({
      protocol: optional({ type: 'string', enum: [...ENDPOINT_PROTOCOLS, null] }),
      cidr: optional(checked('addressBlock')),
      ports: optional({ type: ['string', 'integer'], check: 'ports' }),
      direction: optional({ type: 'string', enum: [...DIRECTIONS, null] }),
    }),
    matchDNSQueries: entries({ domain: checked('domain') }, 'domain'),
  }),
);

const capabilitiesSection: Schema = optional(
  mapping({ ...traits, matchCapabilities: entries({ capability: checked('capability') }, 'capability') }),
);

function section(every: Properties, onPaths: Properties, names: readonly string[]): Schema {
  const pathEntries = (properties: Properties, key: string) => optional(list(mapping(properties, [key])));
  return optional(
    mapping({
      ...traits,
      matchPaths: optional(
        list({
          ...mapping({ ...item, ...terminal, ...every, ...onPaths, path: optional(checked('path')), fromSource }),
          ...choiceOf(names, true),
        }),
      ),
      matchDirectories: pathEntries(
        { ...item, ...terminal, ...every, dir: checked('directory'), recursive: flag, fromSource },
        'dir',
      ),
      matchPatterns: pathEntries({ ...item, ...every, pattern: checked('pattern') }, 'pattern'),
    }),
  );
}

const processSection = section(
  {},
  { execname: optional(checked('programName')), allowedArgs: optional(list(checked('argument'))) },
  ['path', 'execname'],
);
const fileSection = section(
  { readOnly: flag, operations: optional({ ...list({ type: 'string', enum: FILE_OPERATIONS }), minItems: 1 }) },
  {},
  ['path'],
);

const filesystemsSection = optional(
  mapping({ ...traits, matchTypes: entries({ type: checked('filesystem') }, 'type') }),
);
const mountsSection = optional(
  mapping({
    ...traits,
    matchMounts: placeEntries({ type: optional(checked('filesystem')), operation: oneOf(MOUNT_OPERATIONS) }),
  }),
);
const ptraceSection = optional(
  mapping({ ...traits, matchProcesses: placeEntries({ operation: oneOf(TRACE_OPERATIONS) }) }),
);
const namespacesSection = optional(
  mapping({
    ...traits,
    matchNamespaces: entries({ namespace: { type: 'string', enum: ['user'] } }, 'namespace'),
  }),
);
const exceptions = optional(list({ ...mapping(places), ...choiceOf(['path', 'dir', 'pattern'], true) }));
const presetsSection = optional(
  list(mapping({ ...traits, name: { type: 'string', enum: PRESETS }, except: exceptions }, ['name'])),
);

const callTraits: Properties = { ...traits, action: optional(checked('auditOnly')) };
const calls = (check: ValueCheckName): Schema => ({ ...list(checked(check)), minItems: 1 });
/** Of these sections only, a directory may be written without the slash at its end. */
const callSources = fromSourceOf('location');
const syscallsSection = optional(
  mapping({
    ...callTraits,
    matchSyscalls: optional(
      list(mapping({ ...callTraits, syscall: calls('systemCall'), fromSource: callSources }, ['syscall'])),
    ),
    matchPaths: optional(
      list(
        mapping(
          {
            ...callTraits,
            path: checked('location'),
            recursive: flag,
            syscall: calls('systemCallOnPath'),
            fromSource: callSources,
          },
          ['path', 'syscall'],
        ),
      ),
    ),
  }),
);

// What a cluster adds to a policy it stores; taken so that the output of `kubectl get --output yaml` can be applied.
const storedMetadata: Properties = {
  labels: {},
  annotations: {},
  creationTimestamp: {},
  finalizers: {},
  generation: {},
  managedFields: {},
  ownerReferences: {},
  resourceVersion: {},
  selfLink: {},
  uid: {},
};

const expressions = optional(
  list(
    mapping(
      {
        key: { type: 'string', enum: ['label', 'namespace'] },
        operator: { type: 'string', enum: ['In', 'NotIn'] },
        values: { ...list(text), minItems: 1 },
      },
      ['key', 'operator', 'values'],
    ),
  ),
);
const matchLabels = optional({ type: 'object', additionalProperties: text });

/** What a policy says of whom it reaches, by kind. */
const SELECTORS: Readonly<Record<PolicyKind, { properties: Properties; required: readonly string[] }>> = {
  KubeArmorPolicy: {
    properties: { selector: mapping({ matchLabels, matchExpressions: expressions }) },
    required: ['selector'],
  },
  KubeArmorClusterPolicy: {
    properties: { selector: mapping({ matchLabels, matchExpressions: expressions }) },
    required: ['selector'],
  },
  KubeArmorHostPolicy: {
    properties: { nodeSelector: mapping({ matchLabels }) },
    required: ['nodeSelector'],
  },
};

const sections: Properties = {
  process: shared('process', processSection),
  file: shared('file', fileSection),
  network: shared('network', networkSection),
  capabilities: shared('capabilities', capabilitiesSection),
  filesystems: shared('filesystems', filesystemsSection),
  mounts: shared('mounts', mountsSection),
  ptrace: shared('ptrace', ptraceSection),
  namespaces: shared('namespaces', namespacesSection),
  presets: shared('presets', presetsSection),
  syscalls: shared('syscalls', syscallsSection),
};

export function policySchema(kind: PolicyKind): Schema {
  const { properties, required } = SELECTORS[kind];
  return mapping(
    {
      apiVersion: {},
      kind: {},
      metadata: mapping({ ...storedMetadata, name: checked('name'), namespace: optional(checked('namespace')) }, [
        'name',
      ]),
      spec: mapping(
        {
          ...traits,
          ...properties,
          status: optional({ type: 'string', enum: ['Active', null] }),
          priority: optional({ type: 'integer', minimum: -PRIORITY_MAX, maximum: PRIORITY_MAX }),
          mode: oneOf(['enforce', 'audit']),
          guards: oneOf(['on', 'off']),
          expires: optional(checked('time')),
          ...sections,
          apparmor: unsupported('apparmor'),
          device: kubeArmors('device'),
        },
        required,
      ),
      status: {},
    },
    ['metadata', 'spec'],
  );
}
