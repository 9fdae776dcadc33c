import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

/** The name of this machine as a node. */
export const NODE = 'node-1';
/** The namespace of the pods. */
export const NAMESPACE = 'shop';
const WAIT_MILLISECONDS = 240_000;
/** The directory in which kubelet creates links to the logs of containers. */
const LOG_LINKS = '/var/log/containers';
/** Settings of the kernel that kubelet changes. */
const CHANGED_SETTINGS = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'];

export interface KubeletOptions {
  /** As tools/kubernetes-program prints it. */
  readonly program: string;
  readonly criSocket: string;
  /** For the API server that pods come from; when left out, they come from manifests in a directory: {@link Kubelet.add}. */
  readonly kubeconfig?: string;
}

/** One pod on the host's network. */
export interface RequestedPod {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly containers: ReadonlyArray<{ name: string; image: string; command: readonly string[] }>;
}

/** A container as kubelet sees it. */
export interface ContainerStatus {
  readonly name: string;
  readonly containerID?: string;
  readonly restartCount: number;
  readonly state: { running?: object; terminated?: { exitCode: number } };
  readonly lastState: { terminated?: { exitCode: number } };
}

/** The id in `containerd://ID`. */
export function idOf({ containerID }: Pick<ContainerStatus, 'containerID'>): string {
  return containerID!.slice('containerd://'.length);
}

/** Why kubelet cannot run here; undefined where it can. */
export function kubeletMissing(): string | undefined {
  return process.getuid!() === 0 ? undefined : 'needs root';
}

/** The Kubernetes object of a pod. */
export function podObject({ name, labels, containers }: RequestedPod): { metadata: object; spec: object } {
  return {
    metadata: { name, namespace: NAMESPACE, labels },
    spec: {
      hostNetwork: true,
      dnsPolicy: 'Default',
      terminationGracePeriodSeconds: 1,
      containers: containers.map((container) => ({ ...container, imagePullPolicy: 'Never' })),
    },
  };
}

/** A kubelet that creates the requested pods and restarts their containers. */
export class Kubelet {
  readonly #directory = mkdtempSync(join(tmpdir(), 'kubelet-'));
  readonly #manifests = join(this.#directory, 'manifests');
  readonly #root = join(this.#directory, 'root');
  readonly #log = join(this.#directory, 'log');
  readonly #settings = CHANGED_SETTINGS.map((name) => [name, readFileSync(`/proc/sys/${name}`, 'utf8')] as const);
  readonly #options: KubeletOptions;
  #port = 0;
  #process: ChildProcess | undefined;

  private constructor(options: KubeletOptions) {
    this.#options = options;
    mkdirSync(this.#manifests);
  }

  static async start(options: KubeletOptions): Promise<Kubelet> {
    const kubelet = new Kubelet(options);
    try {
      await kubelet.#start();
      return kubelet;
    } catch (error) {
      await kubelet.stop();
      throw error;
    }
  }

  /** The name of a pod in the kubelet, which appends the node's name to pods from a directory. */
  podName(name: string): string {
    return this.#options.kubeconfig === undefined ? `${name}-${NODE}` : name;
  }

  /** Makes a kubelet without an API server create a pod and keep it running. */
  add(pod: RequestedPod): void {
    const manifest = { apiVersion: 'v1', kind: 'Pod', ...podObject(pod) };
    writeFileSync(join(this.#manifests, `${pod.name}.json`), JSON.stringify(manifest));
  }

  /** Resolves with a pod's container once its status is as wanted. */
  async container(pod: string, name: string, wanted: (status: ContainerStatus) => boolean): Promise<ContainerStatus> {
    const deadline = Date.now() + WAIT_MILLISECONDS;
    for (;;) {
      const found = (await this.#containers(pod)).find((status) => status.name === name);
      if (found !== undefined && wanted(found)) return found;
      if (Date.now() > deadline) throw new Error(`${pod}/${name} is ${JSON.stringify(found)}:\n${this.#lastLines()}`);
      await sleep(200);
    }
  }

  /** Ends it; its pods run on. */
  async stop(): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    }
    for (const [name, value] of this.#settings) writeFileSync(`/proc/sys/${name}`, value);
    // kubelet bind-mounts this directory to itself.
    spawnSync('umount', ['--recursive', '--lazy', this.#root]);
    rmSync(this.#directory, { recursive: true, force: true });
    this.#removeLinks();
  }

  /** Removes links to logs that no longer exist. */
  #removeLinks(): void {
    if (!existsSync(LOG_LINKS)) return;
    for (const name of readdirSync(LOG_LINKS)) {
      const link = join(LOG_LINKS, name);
      if (lstatSync(link).isSymbolicLink() && readlinkSync(link).startsWith(`${this.#directory}/`)) unlinkSync(link);
    }
  }

  async #start(): Promise<void> {
    const { program, kubeconfig } = this.#options;
    const configuration = join(this.#directory, 'config.json');
    const port = await freePort();
    this.#port = await freePort();
    writeFileSync(configuration, JSON.stringify(this.#configuration(port)));
    const flags = ['--config', configuration, '--root-dir', this.#root, '--hostname-override', NODE];
    flags.push('--cert-dir', join(this.#directory, 'certificates'));
    if (kubeconfig !== undefined) flags.push('--kubeconfig', kubeconfig);
    const log = openSync(this.#log, 'a');
    this.#process = spawn(program, flags, { stdio: ['ignore', log, log] });
    closeSync(log);
    const deadline = Date.now() + WAIT_MILLISECONDS;
    while ((await this.#pods().catch(() => undefined)) === undefined) {
      if (this.#process.exitCode !== null || Date.now() > deadline)
        throw new Error(`kubelet does not answer:\n${this.#lastLines()}`);
      await sleep(200);
    }
  }

  #configuration(port: number): object {
    return {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      staticPodPath: this.#manifests,
      fileCheckFrequency: '1s',
      volumePluginDir: join(this.#directory, 'plugins'),
      podLogsDir: join(this.#directory, 'logs'),
      containerRuntimeEndpoint: `unix://${this.#options.criSocket}`,
      address: '127.0.0.1',
      port,
      readOnlyPort: this.#port,
      healthzPort: 0,
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      // Keeps what kubelet changes on the machine to a minimum.
      cgroupDriver: 'cgroupfs',
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      failCgroupV1: false,
      makeIPTablesUtilChains: false,
      localStorageCapacityIsolation: false,
      evictionHard: {},
    };
  }

  async #containers(pod: string): Promise<ContainerStatus[]> {
    const pods = await this.#pods();
    return pods.find(({ metadata }) => metadata.name === this.podName(pod))?.status.containerStatuses ?? [];
  }

  async #pods(): Promise<{ metadata: { name: string }; status: { containerStatuses?: ContainerStatus[] } }[]> {
    const response = await fetch(`http://127.0.0.1:${this.#port}/pods`);
    return ((await response.json()) as { items: [] | null }).items ?? [];
  }

  #lastLines(): string {
    return readFileSync(this.#log, 'utf8').split('\n').slice(-30).join('\n');
  }
}
