import { type PolicyKind, policySchema, SHARED_SCHEMAS } from '../policy/manifest-schema.js';
import { OWN_GROUP } from '../policy/validate.js';
import { type StructuralSchema, structuralSchema } from './structural-schema.js';

export const GROUP = OWN_GROUP;
export const VERSION = 'v1alpha1';

/** A kind of policy in Kubernetes. */
export interface CustomResource {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly scope: 'Namespaced' | 'Cluster';
  /** The kind whose schema it has. */
  readonly like: PolicyKind;
}

export const CUSTOM_RESOURCES: readonly CustomResource[] = [
  {
    kind: 'SecurityPolicy',
    plural: 'securitypolicies',
    shortName: 'secpol',
    scope: 'Namespaced',
    like: 'KubeArmorPolicy',
  },
  {
    kind: 'ClusterSecurityPolicy',
    plural: 'clustersecuritypolicies',
    shortName: 'csecpol',
    scope: 'Cluster',
    like: 'KubeArmorClusterPolicy',
  },
  {
    kind: 'HostSecurityPolicy',
    plural: 'hostsecuritypolicies',
    shortName: 'hsecpol',
    scope: 'Cluster',
    like: 'KubeArmorHostPolicy',
  },
];

const text = { type: 'string' };

/** As every condition in Kubernetes is. */
const CONDITION: StructuralSchema = {
  type: 'object',
  properties: {
    type: text,
    status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
    reason: text,
    message: text,
    lastTransitionTime: { type: 'string', format: 'date-time' },
    observedGeneration: { type: 'integer', format: 'int64' },
  },
  required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
};

const STATUS: StructuralSchema = {
  type: 'object',
  properties: {
    conditions: {
      type: 'array',
      items: CONDITION,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    },
    nodes: { type: 'integer', format: 'int32' },
    containers: { type: 'integer', format: 'int32' },
  },
};

const conditionColumn = (type: string) => ({
  name: type,
  type: 'string',
  jsonPath: `.status.conditions[?(@.type=="${type}")].status`,
});

/** The CustomResourceDefinition of a kind, whose schema is that of manifests. */
export function definitionOf({ kind, plural, shortName, scope, like }: CustomResource): object {
  const { properties } = policySchema(like) as {
    properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  const singular = kind.toLowerCase();
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      names: { kind, listKind: `${kind}List`, plural, singular, shortNames: [shortName], categories: ['hauberk'] },
      scope,
      versions: [
        {
          name: VERSION,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: [
            conditionColumn('Accepted'),
            conditionColumn('Enforced'),
            { name: 'Nodes', type: 'integer', jsonPath: '.status.nodes', priority: 1 },
            { name: 'Containers', type: 'integer', jsonPath: '.status.containers', priority: 1 },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                apiVersion: text,
                kind: text,
                metadata: { type: 'object' },
                spec: structuralSchema(properties.spec!, SHARED_SCHEMAS),
                status: STATUS,
              },
              required: ['spec'],
            },
          },
        },
      ],
    },
  };
}
