import type { ClientOrigin, PolicyOrigin } from '../policy/model.js';
import { CUSTOM_RESOURCES, GROUP, VERSION } from './custom-resources.js';

export type ClusterOrigin = Exclude<PolicyOrigin, ClientOrigin>;

/** A kind of policy that is followed in Kubernetes. */
export interface FollowedPolicyKind {
  readonly origin: ClusterOrigin;
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
}

const OURS: readonly FollowedPolicyKind[] = CUSTOM_RESOURCES.map(({ kind, plural, scope }) => ({
  origin: 'kubernetes',
  apiVersion: `${GROUP}/${VERSION}`,
  kind,
  plural,
  isNamespaced: scope === 'Namespaced',
}));

const KUBEARMORS = [
  ['KubeArmorPolicy', 'kubearmorpolicies', true],
  ['KubeArmorClusterPolicy', 'kubearmorclusterpolicies', false],
  ['KubeArmorHostPolicy', 'kubearmorhostpolicies', false],
] as const;

/** Our three kinds and KubeArmor's three; a cluster need not have them all. */
export const POLICY_KINDS: readonly FollowedPolicyKind[] = [
  ...OURS,
  ...KUBEARMORS.map(([kind, plural, isNamespaced]) => ({
    origin: 'kubernetes-kubearmor' as const,
    apiVersion: 'security.kubearmor.com/v1',
    kind,
    plural,
    isNamespaced,
  })),
];

/** Where all objects of the kind are. */
export function pathOfKind({ apiVersion, plural }: FollowedPolicyKind): string {
  return `/apis/${apiVersion}/${plural}`;
}

/** Where one object is. */
export function pathOfObject(
  { apiVersion, plural, isNamespaced }: FollowedPolicyKind,
  { namespace, name }: { readonly namespace?: string; readonly name: string },
): string {
  const within = isNamespaced ? `/namespaces/${encodeURIComponent(namespace ?? 'default')}` : '';
  return `/apis/${apiVersion}${within}/${plural}/${encodeURIComponent(name)}`;
}
