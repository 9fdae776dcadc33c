import { basename, dirname, join } from 'node:path';
import type { ContainerDescription } from '../containers/container.js';
import { listIn, objectIn, textIn, textsIn } from '../json-shape.js';
import type { CriRuntime } from './cri-hook.js';
import { describeDockerContainer } from './docker-facts.js';
import { trueCause } from './failure-cause.js';
import { readBundle, readHostFile } from './hook-bundle.js';
import type { HookRequest } from './hook-request.js';

/** A start waits for the answer. */
const LIST_MILLISECONDS = 1500;
const DOCKER_DIRECTORY = '/var/lib/docker';
/** Which namespace of containerd Docker's plugins are in; containerd names the directory of their bundles by it. */
const DOCKER_PLUGINS = 'plugins.moby';
/** The second file has those that are removed when they end (`--rm`). */
const PODMAN_FILES = ['containers.json', 'volatile-containers.json'];

/** Finds out about a container that a CRI runtime starts; undefined for the pause container of a pod. */
export interface CriFacts {
  describe(
    id: string,
    annotations: Readonly<Record<string, string>>,
    runtime: CriRuntime,
  ): Promise<ContainerDescription | undefined>;
}

export interface HookFactsOptions {
  /** Path of Docker's socket; undefined where Docker is not followed. */
  readonly dockerSocket: () => string | undefined;
  /** One for each CRI runtime that is followed. */
  readonly cri: () => readonly CriFacts[];
  /** Where the host's files are seen: empty, or `/proc/1/root` from inside a container. */
  readonly hostRoot: string;
}

/**
 * Finds out which container is being started, without asking for the container itself: its runtime holds its lock until
 * the hook has its answer.
 */
export class HookFacts {
  readonly #options: HookFactsOptions;

  constructor(options: HookFactsOptions) {
    this.#options = options;
  }

  /** Undefined for the pause container of a pod. @throws Error where the runtime does not tell in time */
  describe(request: HookRequest): Promise<ContainerDescription | undefined> {
    if (request.runtime === 'docker') return this.#docker(request);
    if (request.runtime === 'podman') return this.#podman(request);
    return this.#cri(request, request.runtime);
  }

  async #docker(request: HookRequest): Promise<ContainerDescription | undefined> {
    // Docker runs its plugins by its default runtime too, and reports none of them anywhere by this id.
    if (basename(dirname(request.bundle)) === DOCKER_PLUGINS) {
      return describeDockerContainer(request.id, `plugin-${request.id.slice(0, 12)}`, {}, 'docker');
    }
    let unread: unknown;
    try {
      // Much quicker than asking Docker, and a start waits for it.
      return await this.#dockerFile(request);
    } catch (error) {
      unread = error;
    }
    try {
      const dockerSocket = this.#options.dockerSocket();
      if (dockerSocket === undefined) throw new Error('its socket is not followed');
      return await fromList(dockerSocket, request.id);
    } catch (error) {
      throw new Error(`Docker's files do not report it: ${trueCause(unread)}; nor does Docker: ${trueCause(error)}`);
    }
  }

  /** From what Docker keeps on disk. */
  async #dockerFile({ id, bundle }: HookRequest): Promise<ContainerDescription | undefined> {
    const { hostRoot } = this.#options;
    const { mountSources } = await readBundle(bundle, hostRoot);
    // Docker mounts files of the container's own directory, wherever its root directory is.
    const own = mountSources.map(dirname).find((path) => path.endsWith(`/containers/${id}`));
    const directory = own ?? join(DOCKER_DIRECTORY, 'containers', id);
    const path = join(directory, 'config.v2.json');
    const { Name, Config } = objectIn(JSON.parse(await readHostFile(path, hostRoot)), path);
    const { Labels, Image } = objectIn(Config ?? {}, `Config in ${path}`);
    const labels = textsIn(Labels, `Labels in ${path}`);
    const name = nameOf([textIn(Name, `Name in ${path}`) ?? '']);
    return describeDockerContainer(id, name, labels, 'docker', textIn(Image, `Image in ${path}`));
  }

  /** podman has its labels in a database: its source reports them right after the start. */
  async #podman({ id, bundle }: HookRequest): Promise<ContainerDescription | undefined> {
    // The bundle is in a directory of the container's own, beside the files that name all containers.
    const directory = dirname(dirname(bundle));
    const failures: string[] = [];
    for (const path of PODMAN_FILES.map((name) => join(directory, name))) {
      try {
        const text = await readHostFile(path, this.#options.hostRoot);
        const containers = listIn(JSON.parse(text), path).map((each) => objectIn(each, `a container in ${path}`));
        const container = containers.find((each) => each.id === id);
        const name = textIn(listIn(container?.names, `names in ${path}`)[0], `a name in ${path}`);
        if (name !== undefined) return describeDockerContainer(id, name, {}, 'podman', imageIn(container?.metadata));
        failures.push(`${path} does not name it`);
      } catch (error) {
        failures.push(trueCause(error));
      }
    }
    throw new Error(failures.join('; '));
  }

  /** One of several CRI runtimes has made it. */
  async #cri({ id, annotations }: HookRequest, kind: CriRuntime): Promise<ContainerDescription | undefined> {
    const runtimes = this.#options.cri();
    if (runtimes.length === 0) throw new Error('no CRI runtime is followed that could report it');
    try {
      return await Promise.any(runtimes.map((runtime) => runtime.describe(id, annotations, kind)));
    } catch (error) {
      throw new Error([...new Set((error as AggregateError).errors.map(trueCause))].join('; '));
    }
  }
}

/** Listing takes no container's lock, unlike asking for one container. */
async function fromList(socketPath: string, id: string): Promise<ContainerDescription | undefined> {
  const { default: Client } = await import('dockerode');
  const [container] = await new Client({ socketPath }).listContainers({
    all: true,
    filters: { id: [id] },
    abortSignal: AbortSignal.timeout(LIST_MILLISECONDS),
  });
  if (container === undefined) throw new Error('it is in no list');
  return describeDockerContainer(id, nameOf(container.Names), container.Labels ?? {}, 'docker', container.Image);
}

/** podman's own notes about a container, which its storage keeps as a text. No policy selects by the image. */
function imageIn(metadata: unknown): string | undefined {
  try {
    return textIn(objectIn(JSON.parse(String(metadata)), 'metadata')['image-name'], 'image-name');
  } catch {
    return undefined;
  }
}

/** Of the names in Docker's list, those with a second slash are links of other containers. */
function nameOf(names: readonly string[]): string {
  const name = names.find((each) => /^\/[^/]+$/u.test(each))?.slice(1);
  if (name === undefined) throw new Error('it has no name');
  return name;
}
