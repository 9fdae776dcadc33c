import type { Container, PodSandbox } from '../../generated/nri/nri.js';
import { CRIO_TYPE_ANNOTATION, describeCriContainer, IMAGE_ANNOTATION, imageNameOf } from '../cri-containers.js';
import type { StartingContainer } from './held-starts.js';

/** containerd's own among a pod's labels. */
const RUNTIME_LABELS = 'io.cri-containerd.';

/** Undefined if the runtime does not know its pod: then it is not known which policies reach it. */
export function startingContainer(container: Container, pod: PodSandbox | undefined): StartingContainer | undefined {
  if (pod === undefined) return undefined;
  const { id, pid, name, podSandboxId, annotations } = container;
  const entries = Object.entries(pod.labels).filter(([key]) => !key.startsWith(RUNTIME_LABELS));
  const labels = Object.fromEntries(entries);
  const image = imageNameOf({ image: annotatedImage(annotations) ?? '', userSpecifiedImage: '' });
  return {
    description: describeCriContainer(id, name, { ...pod, labels }, image),
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

/** What containerd says that the container was made from; undefined with CRI-O. */
export function annotatedImage(annotations: Readonly<Record<string, string>>): string | undefined {
  return CRIO_TYPE_ANNOTATION in annotations ? undefined : annotations[IMAGE_ANNOTATION];
}
