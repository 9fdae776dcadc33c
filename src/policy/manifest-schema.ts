import { DIRECTIONS, ENDPOINT_PROTOCOLS } from './network.js';
import type { ValueCheckName } from './value-checks.js';

/**
 * The JSON Schema of one policy document. Two keywords are ours: `check` names one of the value checks, `unsupported`
 * marks what the policy language has and this version refuses, and holds the subject of the refusal's sentence.
 */

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
const unsupported = (subject: string): Schema => ({ unsupported: subject });

const traits: Properties = {
  severity: optional({ type: 'integer', minimum: 1, maximum: 10 }),
  tags: optional(list(text)),
  message: optional(text),
  action: optional({ type: 'string', enum: ['Allow', 'Audit', 'Block', null] }),
};

const fromSource = optional(
  list(
    mapping(
      {
        path: checked('path'),
        dir: unsupported('`dir` in `fromSource` is'),
        recursive: unsupported('`recursive` in `fromSource` is'),
      },
      ['path'],
    ),
  ),
);

const item: Properties = { ...traits, ownerOnly: flag };
const terminal: Properties = { pts: unsupported('`pts` is') };

const entries = (properties: Properties, key?: string) =>
  optional(list(mapping({ ...traits, ...properties, fromSource }, key === undefined ? [] : [key])));

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
    matchDNSQueries: unsupported('`matchDNSQueries` are'),
  }),
);

const capabilitiesSection: Schema = optional(
  mapping({ ...traits, matchCapabilities: entries({ capability: checked('capability') }, 'capability') }),
);

function section(every: Properties, onPaths: Properties): Schema {
  const pathEntries = (properties: Properties, key: string) => optional(list(mapping(properties, [key])));
  return optional(
    mapping({
      ...traits,
      matchPaths: pathEntries(
        { ...item, ...terminal, ...every, ...onPaths, path: checked('path'), fromSource },
        'path',
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
  { execname: unsupported('`execname` is'), allowedArgs: unsupported('`allowedArgs` are') },
);
const fileSection = section({ readOnly: flag }, {});

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

export const POLICY_SCHEMA: Schema = mapping(
  {
    apiVersion: {},
    kind: {},
    metadata: mapping({ ...storedMetadata, name: checked('name'), namespace: optional(checked('namespace')) }, [
      'name',
    ]),
    spec: mapping(
      {
        ...traits,
        status: optional({ type: 'string', enum: ['Active', null] }),
        selector: mapping(
          {
            matchLabels: { type: 'object', additionalProperties: text },
            matchExpressions: unsupported('`matchExpressions` are'),
          },
          ['matchLabels'],
        ),
        process: processSection,
        file: fileSection,
        network: networkSection,
        capabilities: capabilitiesSection,
        nodeSelector: unsupported('`nodeSelector` is'),
        syscalls: unsupported('`syscalls` rules are'),
        presets: unsupported('`presets` are'),
        apparmor: unsupported('`apparmor` is'),
      },
      ['selector'],
    ),
    status: {},
  },
  ['metadata', 'spec'],
);
