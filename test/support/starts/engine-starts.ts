import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { saveImage } from '../images.js';
import { type Start, type StartPath, type StartResult, timed } from './start-path.js';

export const DOCKER_SOCKET = '/var/run/docker.sock';
/** The socket of the service that tools/vm/podman starts. */
export const PODMAN_SOCKET = '/run/podman/podman.sock';

/** Starts by Docker's API, which podman serves too: their command lines are slow under emulation. */
export class EngineStarts implements StartPath {
  readonly #docker: Docker;

  /**
   * @param runtime the name of an OCI runtime in Docker's configuration; its default when left out
   * @param network 'disabled' is faster: to set up even an empty network of a container's own, Docker runs dockerd again
   */
  constructor(
    readonly name: 'docker' | 'podman',
    readonly runtime?: string,
    readonly network: 'own' | 'disabled' = 'disabled',
  ) {
    this.#docker = new Docker({ socketPath: name === 'docker' ? DOCKER_SOCKET : PODMAN_SOCKET });
  }

  async importImage(root: string, image: string): Promise<void> {
    const directory = mkdtempSync(join(tmpdir(), 'hauberk-image-'));
    try {
      const archive = saveImage(root, join(directory, 'image.tar'), image, { entrypoint: [] });
      const answer = await this.#docker.loadImage(createReadStream(archive));
      answer.resume();
      await once(answer, 'end');
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  async start({ name, image, command, labels, volumes = [] }: Start): Promise<StartResult> {
    const container = await this.#docker.createContainer({
      name,
      Image: image,
      Cmd: [...command],
      Labels: { ...labels },
      NetworkDisabled: this.network === 'disabled',
      HostConfig: {
        NetworkMode: 'none',
        Binds: [...volumes],
        LogConfig: { Type: 'none', Config: {} },
        ...(this.runtime === undefined ? {} : { Runtime: this.runtime }),
      },
    });
    try {
      const { milliseconds, refusal } = await timed(() => container.start());
      if (refusal !== undefined) return { name, milliseconds, refusal };
      const { StatusCode } = await container.wait();
      return { name, milliseconds, status: StatusCode };
    } finally {
      await container.remove({ force: true });
    }
  }
}
