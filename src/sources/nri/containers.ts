import type { Container, PodSandbox } from '../../generated/nri/nri.js';
import type { StartingContainer } from './held-starts.js';

/** containerd's own among a pod's labels. */
const RUNTIME_LABELS = 'io.cri-containerd.';

/** Undefined where the runtime does not know its pod: then nobody can say which policies reach it. */
export function startingContainer(container: Container, pod: PodSandbox | undefined): StartingContainer | undefined {
  if (pod === undefined) return undefined;
  const { id, pid, name, podSandboxId, annotations } = container;
  const labels = Object.entries(pod.labels).filter(([key]) => !key.startsWith(RUNTIME_LABELS));
  return {
    id,
    pid,
    name,
    podName: pod.name,
    podNamespace: pod.namespace,
    podUid: pod.uid,
    sandboxId: podSandboxId,
    labels: Object.fromEntries(labels),
    annotations,
  };
}
