import type { ContainerDescription } from '../containers/container.js';
import { DEFAULT_NAMESPACE } from '../policy/model.js';
import { CONTAINER_NAME_LABELS } from '../policy/selector-labels.js';
import { VALUE_CHECKS } from '../policy/value-checks.js';

/** The label that sets the namespace of a container without a pod, as in KubeArmor. */
const NAMESPACE_LABEL = 'kubearmor.io/namespace';
const KUBERNETES_LABELS = 'io.kubernetes.';
/** How a kubelet names the containers it makes with Docker, through cri-dockerd. */
const KUBELET_NAME = /^k8s_([^_]+)_([^_]+)_([^_]+)_([^_]+)_\d+$/u;
const POD_SANDBOX = 'POD';

/**
 * What Docker, or podman, knows of a container. Its labels are as its image and whoever started it wrote them, so what
 * the runtime knows takes precedence: the name, and that it belongs to no pod of Kubernetes.
 *
 * @param runtimeName the name by which the runtime knows it
 * @param image what it was made from, where that is known
 * @returns undefined for the pause container of a pod, which is no workload
 */
export function describeDockerContainer(
  id: string,
  runtimeName: string,
  labels: Readonly<Record<string, string>>,
  origin: 'docker' | 'podman',
  image = '',
): ContainerDescription | undefined {
  const pod = podOf(runtimeName, labels);
  if (pod?.container === POD_SANDBOX) return undefined;
  const name = pod?.container ?? runtimeName;
  const isBelieved = (label: string) => pod !== undefined || !label.startsWith(KUBERNETES_LABELS);
  return {
    id,
    name,
    namespace: pod?.namespace ?? namespaceIn(labels) ?? DEFAULT_NAMESPACE,
    labels: {
      ...Object.fromEntries(Object.entries(labels).filter(([label]) => isBelieved(label))),
      ...Object.fromEntries(CONTAINER_NAME_LABELS.map((label) => [label, name])),
    },
    origin,
    ...(image !== '' && { image }),
  };
}

/** Ignored if it is not a valid name of a namespace. */
function namespaceIn({ [NAMESPACE_LABEL]: namespace }: Readonly<Record<string, string>>): string | undefined {
  return namespace !== undefined && VALUE_CHECKS.namespace(namespace) === undefined ? namespace : undefined;
}

/** The pod of a container that a kubelet has made: its name, which no image can set, says the same as its labels. */
function podOf(runtimeName: string, labels: Readonly<Record<string, string>>) {
  const [, container, pod, namespace, uid] = KUBELET_NAME.exec(runtimeName) ?? [];
  if (container === undefined || namespace === undefined) return undefined;
  const agrees =
    labels['io.kubernetes.pod.name'] === pod &&
    labels['io.kubernetes.pod.namespace'] === namespace &&
    labels['io.kubernetes.pod.uid'] === uid &&
    (container === POD_SANDBOX || labels['io.kubernetes.container.name'] === container);
  return agrees ? { container, namespace } : undefined;
}
