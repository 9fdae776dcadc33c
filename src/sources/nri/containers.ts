import type { Container, PodSandbox } from '../../generated/nri/nri.js';
import { describeCriContainer } from '../cri-containers.js';
import type { StartingContainer } from './held-starts.js';

/** containerd's own among a pod's labels. */
const RUNTIME_LABELS = 'io.cri-containerd.';

/** Undefined if the runtime does not know its pod: then it is not known which policies reach it. */
export function startingContainer(container: Container, pod: PodSandbox | undefined): StartingContainer | undefined {
  if (pod === undefined) return undefined;
  const { id, pid, name, podSandboxId, annotations } = container;
  const entries = Object.entries(pod.labels).filter(([key]) => !key.startsWith(RUNTIME_LABELS));
  const labels = Object.fromEntries(entries);
  return {
    description: describeCriContainer(id, name, { ...pod, labels }),
    id,
    pid,
    name,
    podName: pod.name,
    podNamespace: pod.namespace,
    podUid: pod.uid,
    sandboxId: podSandboxId,
    labels,
    annotations,
  };
}
