import type { PolicyOverride } from '../containers/container.js';
import { readVisibility, VISIBILITY_CHOICE, type Visibility } from '../policy/visibility.js';
import type { CriPod } from '../sources/cri-containers.js';
import { VISIBILITY_ANNOTATION } from './annotations.js';
import type { KubernetesObject, ObjectMetadata } from './api-client.js';
import { quoted } from './quoted.js';

/** A pod, as far as policies and events need it. */
export interface Pod extends KubernetesObject {
  readonly spec?: { readonly [list in ContainerList]?: readonly { readonly name: string; readonly image?: string }[] };
}
type ContainerList = 'containers' | 'initContainers' | 'ephemeralContainers';

/** What containers of a pod are described by. */
export interface PodFacts {
  readonly pod: CriPod;
  /** By the name of the container. */
  readonly images: Readonly<Record<string, string>>;
  readonly override?: PolicyOverride;
  readonly visibility?: Visibility;
  /** Annotations with unknown values. */
  readonly warnings?: readonly string[];
}

/** KubeArmor's annotation; its third value, `enabled`, has no effect. */
const ANNOTATION = 'kubearmor-policy';

export function factsOf({ metadata, spec = {} }: Pod): PodFacts {
  const { name, namespace = 'default', uid = '', labels = {}, annotations } = metadata;
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  const named = [...containers, ...initContainers, ...ephemeralContainers];
  const images = named.flatMap((each) => (each.image === undefined ? [] : [[each.name, each.image] as const]));
  const owner = ownerOf(metadata);
  const value = annotations?.[ANNOTATION];
  const isOverride = value === 'audited' || value === 'disabled';
  const isUnknown = value !== undefined && value !== 'enabled' && !isOverride;
  const annotated = annotations?.[VISIBILITY_ANNOTATION];
  const visibility = annotated === undefined ? undefined : readVisibility(annotated);
  const must = (annotation: string, choice: string, is: string) =>
    `pod ${namespace}/${name}: ${annotation} must be ${choice}, is ${quoted(is)}`;
  const warnings = [
    ...(isUnknown ? [must(ANNOTATION, 'enabled, audited or disabled', value)] : []),
    ...(annotated !== undefined && visibility === undefined
      ? [must(VISIBILITY_ANNOTATION, VISIBILITY_CHOICE, annotated)]
      : []),
  ];
  return {
    pod: { name, namespace, uid, labels, ...(owner && { owner }) },
    images: Object.fromEntries(images),
    ...(isOverride && { override: { mode: value, setBy: writerOf(metadata) } }),
    ...(visibility !== undefined && { visibility }),
    ...(warnings.length > 0 && { warnings }),
  };
}

/** The workload that made the pod: of a Deployment's pods not its ReplicaSet, whose name has the hash at its end. */
function ownerOf({ ownerReferences = [], labels = {} }: ObjectMetadata): CriPod['owner'] {
  const controller = ownerReferences.find((each) => each.controller) ?? ownerReferences[0];
  if (controller === undefined) return undefined;
  const { kind, name } = controller;
  const hash = `-${labels['pod-template-hash']}`;
  if (kind === 'ReplicaSet' && name.endsWith(hash)) return { kind: 'Deployment', name: name.slice(0, -hash.length) };
  return { kind, name };
}

/** The program that has written the annotation last, as Kubernetes keeps it: who ran it, only its audit log knows. */
function writerOf({ managedFields = [] }: ObjectMetadata): string {
  const writers = managedFields.filter(
    ({ fieldsV1 }) => fieldsV1?.['f:metadata']?.['f:annotations']?.[`f:${ANNOTATION}`] !== undefined,
  );
  const [last] = writers.sort((a, b) => (b.time ?? '').localeCompare(a.time ?? ''));
  return last?.manager ?? '';
}
