import type { ContainerDescription } from '../containers/container.js';
import { CriClient } from './cri-client.js';
import { CRIO_TYPE_ANNOTATION, describeCriContainer, IMAGE_ANNOTATION, imageNameOf, podOf } from './cri-containers.js';

/** A start waits for the answer; a runtime answers in milliseconds if no lock is involved. */
const LOOK_UP_MILLISECONDS = 2_000;

type Annotations = Readonly<Record<string, string>>;

/** The runtimes whose bundles a CRI runtime makes. */
export type CriRuntime = 'containerd' | 'crio';

/**
 * Which keys each runtime writes: with CRI-O a pod can have annotations of its own, including the other runtime's keys.
 */
const KEYS: Readonly<Record<CriRuntime, Readonly<Record<'type' | 'name' | 'sandboxId' | 'image', string>>>> = {
  containerd: {
    type: 'io.kubernetes.cri.container-type',
    name: 'io.kubernetes.cri.container-name',
    sandboxId: 'io.kubernetes.cri.sandbox-id',
    image: IMAGE_ANNOTATION,
  },
  crio: {
    type: CRIO_TYPE_ANNOTATION,
    name: 'io.kubernetes.container.name',
    sandboxId: 'io.kubernetes.cri-o.SandboxID',
    image: 'io.kubernetes.cri-o.ImageName',
  },
};

/** What a CRI runtime writes of a container that it makes into the annotations of its bundle. */
export type CriAnnotations =
  | { readonly kind: 'sandbox' }
  | { readonly kind: 'container'; readonly name: string; readonly sandboxId: string; readonly image?: string };

/**
 * Reads the annotations in the state that a runtime gives its hooks. Trustworthy only if the runtime is one of CRI:
 * with Docker and podman anyone who starts a container writes annotations.
 *
 * @throws Error where they are of CRI, but not complete
 */
export function readCriAnnotations(annotations: Annotations, runtime: CriRuntime): CriAnnotations | undefined {
  const keys = KEYS[runtime];
  const kind = annotations[keys.type];
  if (kind === undefined) return undefined;
  if (kind === 'sandbox') return { kind };
  const name = annotations[keys.name];
  const sandboxId = annotations[keys.sandboxId];
  if (kind !== 'container' || !name || !sandboxId)
    throw new Error(`the runtime's annotations have container type ${kind} but not its name or its pod's sandbox`);
  const image = imageNameOf({ image: annotations[keys.image] ?? '', userSpecifiedImage: '' });
  return { kind, name, sandboxId, ...(image !== undefined && { image }) };
}

/**
 * Finds out about containers while the runtime starts them, by the one call that needs nothing of the container itself:
 * the pod's labels and names are on its sandbox, which runs by then.
 */
export class CriStarts {
  readonly #client: CriClient;

  /** @param address path of the runtime's socket */
  constructor(address: string) {
    this.#client = new CriClient(address);
  }

  /**
   * Undefined for the sandbox of a pod, which runs no workload.
   *
   * @throws Error where the annotations are not of CRI, or the runtime does not tell in time
   */
  async describe(id: string, annotations: Annotations, runtime: CriRuntime): Promise<ContainerDescription | undefined> {
    const reported = readCriAnnotations(annotations, runtime);
    if (reported === undefined) throw new Error(`container ${id} has no annotations of a CRI runtime`);
    if (reported.kind === 'sandbox') return undefined;
    const sandbox = await this.#client.sandbox(reported.sandboxId, LOOK_UP_MILLISECONDS);
    if (sandbox === undefined)
      throw new Error(`the runtime does not know sandbox ${reported.sandboxId} of container ${id}`);
    return describeCriContainer(id, reported.name, podOf(sandbox), reported.image);
  }

  close(): void {
    this.#client.close();
  }
}
