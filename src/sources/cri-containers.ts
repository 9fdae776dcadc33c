import { isDeepStrictEqual } from 'node:util';
import type { ContainerDescription } from '../containers/container.js';
import type { ImageSpec, PodSandbox } from '../generated/runtime/v1/runtime.js';
import { CONTAINER_NAME_LABELS, OWNER_LABELS } from '../policy/selector-labels.js';
import type { ContainerSink, SourceContainer } from './source.js';

/** A pod, as described by its sandbox. */
export interface CriPod {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What has created it, for example a Deployment; known only from the API server of Kubernetes. */
  readonly owner?: { readonly kind: string; readonly name: string } | undefined;
}

/** @throws Error where the runtime leaves out what CRI demands */
export function podOf({ id, metadata, labels }: PodSandbox): CriPod {
  if (metadata === undefined) throw new Error(`the runtime does not report the pod of sandbox ${id}`);
  return { ...metadata, labels };
}

/** Written by containerd: the name of a container's image. */
export const IMAGE_ANNOTATION = 'io.kubernetes.cri.image-name';
/** Written by CRI-O, where a pod may have annotations of its own with containerd's keys. */
export const CRIO_TYPE_ANNOTATION = 'io.kubernetes.cri-o.ContainerType';

/** How a kubelet names an image to its runtime once it has looked it up: by the digest of its configuration. */
const IMAGE_ID = /^(?:sha256:)?[0-9a-f]{64}$/u;

/** What a container was made from, as it was asked for; undefined where only the image's id is told. */
export function imageNameOf(image: ImageSpec | undefined): string | undefined {
  const name = image?.userSpecifiedImage || image?.image || '';
  return name === '' || IMAGE_ID.test(name) ? undefined : name;
}

/**
 * What is known of a container: its pod's labels, which are on the sandbox, and over them what the runtime itself says,
 * which pod and image cannot override. The same whether a hook, a plugin or an event reports the container.
 *
 * @param image the name of what it was made from, where that is known
 */
export function describeCriContainer(id: string, name: string, pod: CriPod, image?: string): ContainerDescription {
  // No pod says itself who has made it.
  const { [OWNER_LABELS.kind]: _, [OWNER_LABELS.name]: __, ...labels } = pod.labels;
  return {
    id,
    name,
    namespace: pod.namespace,
    labels: {
      ...labels,
      ...(pod.owner && { [OWNER_LABELS.kind]: pod.owner.kind, [OWNER_LABELS.name]: pod.owner.name }),
      'io.kubernetes.pod.name': pod.name,
      'io.kubernetes.pod.namespace': pod.namespace,
      'io.kubernetes.pod.uid': pod.uid,
      'io.kubernetes.container.name': name,
      ...Object.fromEntries(CONTAINER_NAME_LABELS.map((label) => [label, name])),
    },
    origin: 'cri',
    ...(image !== undefined && { image }),
  };
}

/**
 * What the sink was told, so that only differences are reported to it. Lists and events come in any order: an id, once
 * ended, does not run again, since CRI starts a container once.
 */
export class CriContainers {
  readonly #sink: ContainerSink;
  readonly #running = new Map<string, SourceContainer>();
  readonly #ended = new Set<string>();
  #complete = false;

  constructor(sink: ContainerSink) {
    this.#sink = sink;
  }

  get ids(): Set<string> {
    return new Set(this.#running.keys());
  }

  get endedIds(): Set<string> {
    return new Set(this.#ended);
  }

  get(id: string): SourceContainer | undefined {
    return this.#running.get(id);
  }

  started(container: SourceContainer): void {
    const { id } = container.description;
    if (this.#ended.has(id) || isDeepStrictEqual(this.#running.get(id), container)) return;
    this.#running.set(id, container);
    if (this.#complete) this.#sink.started(container);
  }

  ended(id: string): void {
    this.#ended.add(id);
    if (this.#running.delete(id) && this.#complete) this.#sink.ended(id);
  }

  /** The runtime no longer lists these. */
  forget(ids: Iterable<string>): void {
    for (const id of ids) this.#ended.delete(id);
  }

  /** The first list could not be completed: known containers are reported, and none is reported as ended. */
  reportKnown(): void {
    if (!this.#complete) for (const container of this.#running.values()) this.#sink.started(container);
  }

  /** A first list is done: from now on each difference is reported. */
  complete(): void {
    if (this.#complete) return;
    this.#complete = true;
    this.#sink.running([...this.#running.values()]);
  }
}
