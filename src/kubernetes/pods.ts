import { isDeepStrictEqual } from 'node:util';
import { type Container, type ContainerDescription, describeOverride } from '../containers/container.js';
import { describeCriContainer } from '../sources/cri-containers.js';
import { factsOf, type Pod, type PodFacts } from './pod-facts.js';

/** What is known of the pods of this node: the runtime tells only the labels that a pod was made with. */
export class Pods {
  #byUid: ReadonlyMap<string, PodFacts> = new Map();
  #areListed = false;

  constructor(
    /** What is registered already. */
    readonly known: (id: string) => Container | undefined,
  ) {}

  /** @returns whether something has changed that containers are described by */
  replace(pods: readonly Pod[]): boolean {
    const next = new Map(pods.map((pod) => [pod.metadata.uid ?? '', factsOf(pod)]));
    const isSame = this.#areListed && isDeepStrictEqual(next, this.#byUid);
    this.#byUid = next;
    this.#areListed = true;
    return !isSame;
  }

  /** Pods that ask for something else than the policies that reach them, and what cannot be read of such a wish. */
  warnings(): string[] {
    return [...this.#byUid.values()].flatMap(({ pod: { namespace, name }, override, warning }) => {
      if (warning !== undefined) return [warning];
      if (override === undefined) return [];
      return [`pod ${namespace}/${name} has its policies ${describeOverride(override)}`];
    });
  }

  /**
   * A container as its pod is now. Until the pods are known, one that was registered before stays as it was.
   */
  describe(description: ContainerDescription): ContainerDescription {
    const { id, labels, origin } = description;
    const [uid, name] = [labels['io.kubernetes.pod.uid'], labels['io.kubernetes.container.name']];
    if (origin !== 'cri' || uid === undefined || name === undefined) return description;
    const facts = this.#byUid.get(uid);
    if (facts === undefined) return this.#areListed ? description : this.#asRegistered(description);
    const { pod, images, override } = facts;
    const image = images[name];
    return {
      ...describeCriContainer(id, name, pod),
      ...(image !== undefined && { image }),
      ...(override !== undefined && { policyOverride: override }),
    };
  }

  #asRegistered(description: ContainerDescription): ContainerDescription {
    const known = this.known(description.id);
    if (known === undefined || known.origin !== 'cri') return description;
    const { labels, image, policyOverride } = known;
    return {
      ...description,
      labels,
      ...(image !== undefined && { image }),
      ...(policyOverride !== undefined && { policyOverride }),
    };
  }
}
