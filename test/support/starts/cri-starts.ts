import { setTimeout as sleep } from 'node:timers/promises';
import type { Containerd } from '../containerd.js';
import type { Pod } from '../cri-runtime.js';
import { type Start, type StartPath, type StartResult, timed } from './start-path.js';

const POLL_MILLISECONDS = 100;

/** Starts by containerd's CRI, as containers of one pod for all with the same labels. */
export class CriStarts implements StartPath {
  readonly #pods = new Map<string, Promise<Pod>>();

  constructor(
    readonly name: string,
    readonly containerd: Containerd,
  ) {}

  async importImage(root: string, image: string): Promise<void> {
    this.containerd.importImage(root, image);
  }

  async start({ name, image, command, labels }: Start): Promise<StartResult> {
    const { runtime } = this.containerd;
    const id = await runtime.createContainer(await this.#pod(labels), { name, image, command });
    try {
      const { milliseconds, refusal } = await timed(() => runtime.startContainer(id));
      if (refusal !== undefined) return { name, milliseconds, refusal };
      for (;;) {
        const { running, exitCode } = await runtime.containerStatus(id);
        if (!running) return { name, milliseconds, status: exitCode };
        await sleep(POLL_MILLISECONDS);
      }
    } finally {
      await runtime.removeContainer(id);
    }
  }

  #pod(labels: Start['labels']): Promise<Pod> {
    const key = JSON.stringify(labels);
    const known = this.#pods.get(key);
    if (known !== undefined) return known;
    const pod = this.containerd.runtime.runPod({ name: `pod-${this.#pods.size}`, labels });
    this.#pods.set(key, pod);
    return pod;
  }
}
