import { isDeepStrictEqual } from 'node:util';
import type { Container, ContainerDescription } from '../containers/container.js';
import { describeCriContainer } from '../sources/cri-containers.js';
import type { KubernetesObject } from './api-client.js';

/** A pod, as far as policies and events ask. */
export interface Pod extends KubernetesObject {
  readonly spec?: { readonly [list in ContainerList]?: readonly { readonly name: string; readonly image?: string }[] };
}
type ContainerList = 'containers' | 'initContainers' | 'ephemeralContainers';

/** What is known of the pods of this node: the runtime tells only the labels that a pod was made with. */
export class Pods {
  #byUid = new Map<string, Pod>();
  #areListed = false;

  constructor(
    /** What is registered already. */
    readonly known: (id: string) => Container | undefined,
  ) {}

  /** @returns whether something has changed that containers are described by */
  replace(pods: readonly Pod[]): boolean {
    const next = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]));
    const isFirst = !this.#areListed;
    const before = this.#byUid;
    this.#byUid = next;
    this.#areListed = true;
    return isFirst || next.size !== before.size || [...next].some(([uid, pod]) => !isAlike(pod, before.get(uid)));
  }

  /**
   * A container as its pod is now. Until the pods are known, one that was registered before keeps the labels it had.
   */
  describe(description: ContainerDescription): ContainerDescription {
    const { id, labels, origin } = description;
    const [uid, name] = [labels['io.kubernetes.pod.uid'], labels['io.kubernetes.container.name']];
    if (origin !== 'cri' || uid === undefined || name === undefined) return description;
    const pod = this.#byUid.get(uid);
    if (pod === undefined) return this.#areListed ? description : this.#asRegistered(description);
    const { name: podName, namespace = 'default', labels: own = {} } = pod.metadata;
    const image = imageOf(pod, name);
    return {
      ...describeCriContainer(id, name, { name: podName, uid, namespace, labels: own }),
      ...(image !== undefined && { image }),
    };
  }

  #asRegistered(description: ContainerDescription): ContainerDescription {
    const known = this.known(description.id);
    if (known === undefined || known.origin !== 'cri') return description;
    const { labels, image } = known;
    return { ...description, labels, ...(image !== undefined && { image }) };
  }
}

function isAlike(pod: Pod, before: Pod | undefined): boolean {
  return before !== undefined && isDeepStrictEqual(pod.metadata.labels ?? {}, before.metadata.labels ?? {});
}

function imageOf({ spec = {} }: Pod, container: string): string | undefined {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = spec;
  return [...containers, ...initContainers, ...ephemeralContainers].find(({ name }) => name === container)?.image;
}
