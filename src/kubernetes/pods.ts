import { isDeepStrictEqual } from 'node:util';
import {
  type Container,
  type ContainerDescription,
  describeOverride,
  type PolicyOverride,
} from '../containers/container.js';
import { type CriPod, describeCriContainer } from '../sources/cri-containers.js';
import { factsOf, type Pod, type PodFacts } from './pod-facts.js';

/** Pods that have ended stay there as well, thousands of them. */
const WARNINGS_MAX = 100;

/** What is known of the pods of this node: the runtime tells only the labels that a pod was made with. */
export class Pods {
  #byUid: ReadonlyMap<string, PodFacts> = new Map();
  #areListed = false;

  constructor(
    /** What is registered already. */
    readonly known: (id: string) => Container | undefined,
    /** Whether the overrides of pods are followed. */
    readonly overrides: 'follow' | 'ignore' = 'follow',
  ) {}

  /** @returns whether something has changed that containers are described by */
  replace(pods: readonly Pod[]): boolean {
    const next = new Map(pods.map((pod) => [pod.metadata.uid ?? '', this.#factsOf(pod)]));
    const isSame = this.#areListed && isDeepStrictEqual(next, this.#byUid);
    this.#byUid = next;
    this.#areListed = true;
    return !isSame;
  }

  /** Pods whose policies are overridden, each with the message to report. */
  overridden(): ReadonlyMap<string, { readonly pod: CriPod; readonly message: string }> {
    const found = [...this.#byUid].flatMap(([uid, { pod, override }]) =>
      override === undefined ? [] : [[uid, { pod, message: messageOf(pod, override) }] as const],
    );
    return new Map(found);
  }

  /** Pods that override the policies that reach them, and overrides that cannot be read. */
  warnings(): string[] {
    const all = [...this.#byUid.values()].flatMap(({ pod, override, warnings = [] }) =>
      override === undefined ? warnings : [...warnings, messageOf(pod, override)],
    );
    const more = all.length - WARNINGS_MAX;
    return more > 0
      ? [...all.slice(0, WARNINGS_MAX), `${more} more pods ask for something else than their policies`]
      : all;
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
    const { pod, images, override, visibility } = facts;
    const image = images[name] ?? description.image;
    return {
      ...describeCriContainer(id, name, pod),
      ...(image !== undefined && { image }),
      ...(override !== undefined && { policyOverride: override }),
      ...(visibility !== undefined && { visibility }),
    };
  }

  #factsOf(pod: Pod): PodFacts {
    const { override, ...facts } = factsOf(pod);
    if (override === undefined || this.overrides === 'follow') return { ...facts, ...(override && { override }) };
    const { namespace, name } = facts.pod;
    const ignored = `pod ${namespace}/${name} asks to have its policies ${describeOverride(override)}, and that is ignored`;
    return { ...facts, warnings: [...(facts.warnings ?? []), ignored] };
  }

  #asRegistered(description: ContainerDescription): ContainerDescription {
    const known = this.known(description.id);
    if (known === undefined || known.origin !== 'cri') return description;
    const { labels, image, policyOverride, visibility } = known;
    return {
      ...description,
      labels,
      ...(image !== undefined && { image }),
      ...(policyOverride !== undefined && this.overrides === 'follow' && { policyOverride }),
      ...(visibility !== undefined && { visibility }),
    };
  }
}

function messageOf({ namespace, name }: CriPod, override: PolicyOverride): string {
  return `pod ${namespace}/${name} has its policies ${describeOverride(override)}`;
}
