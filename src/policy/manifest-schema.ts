import { SECTIONS } from './kinds/kinds.js';
import { PRIORITY_MAX, RULE_CLASSES } from './model.js';
import {
  checked,
  kubeArmors,
  list,
  mapping,
  oneOf,
  optional,
  type Properties,
  placeList,
  type Schema,
  SHARED_SCHEMAS,
  shared,
  text,
  traits,
  unsupported,
} from './schema-parts.js';

/**
 * The JSON Schema of one policy document. Three keywords are ours: `check` names one of the value checks, `choice` says
 * of which fields only one may be there, `unsupported` names a field that only KubeArmor has, or that this version does
 * not know yet: it is refused unless it is empty.
 */

export const POLICY_KINDS = ['KubeArmorPolicy', 'KubeArmorClusterPolicy', 'KubeArmorHostPolicy'] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

export { SHARED_SCHEMAS };

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

/** The fields by which a policy selects what it reaches, by kind. */
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

const sections: Properties = Object.fromEntries(
  RULE_CLASSES.map((ruleClass) => [ruleClass, shared(ruleClass, SECTIONS[ruleClass].schema)]),
);

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
          heldDescriptors: oneOf(['refuse', 'leave']),
          loaderLibraries: placeList,
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
