import { randomUUID } from 'node:crypto';
import { credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const PROTO = 'test/support/cri-runtime.proto';
const CALL_MILLISECONDS = 120_000;

export interface PodOptions {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The directory for the output of its containers, each in a file NAME.log in the format of CRI. */
  readonly logDirectory?: string;
}

export interface ContainerOptions {
  readonly name?: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly mounts?: ReadonlyArray<{ hostPath: string; containerPath: string; readonly?: boolean }>;
}

/** A pod on the host's network, which needs no CNI. */
export interface Pod {
  readonly id: string;
  readonly config: object;
}

type Call = (
  request: object,
  options: { deadline: number },
  callback: (error: ServiceError | null, answer: Answer) => void,
) => void;
type Answer = {
  podSandboxId: string;
  containerId: string;
  runtimeName: string;
  runtimeVersion: string;
  items: { id: string }[];
  status: { state: number; exitCode: number; reason: string; message: string };
  info: Record<string, string>;
};

const HOST_NETWORK = { securityContext: { namespaceOptions: { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' } } };

/** Creates pods and containers by CRI, as a kubelet does, and waits for each call. */
export class CriRuntime {
  readonly #client: { close(): void } & Record<string, Call>;

  constructor(readonly address: string) {
    const definition = loadPackageDefinition(loadSync(PROTO, { longs: Number, defaults: true }));
    const { RuntimeService } = (definition as never as { runtime: { v1: { RuntimeService: Service } } }).runtime.v1;
    this.#client = new RuntimeService(`unix:${address}`, credentials.createInsecure());
  }

  async version(): Promise<{ runtimeName: string; runtimeVersion: string }> {
    return this.#call('Version', {});
  }

  async runPod({ name = 'pod', namespace = 'default', labels = {}, annotations = {}, logDirectory }: PodOptions = {}) {
    const uid = randomUUID();
    const config = {
      metadata: { name, namespace, uid },
      // The labels that the kubelet sets.
      labels: {
        ...labels,
        'io.kubernetes.pod.name': name,
        'io.kubernetes.pod.namespace': namespace,
        'io.kubernetes.pod.uid': uid,
      },
      annotations,
      linux: HOST_NETWORK,
      ...(logDirectory !== undefined && { logDirectory }),
    };
    const { podSandboxId } = await this.#call('RunPodSandbox', { config });
    return { id: podSandboxId, config } satisfies Pod;
  }

  /** Creates a container without starting it; returns its id. */
  async createContainer(pod: Pod, { name = 'main', image, command, ...rest }: ContainerOptions): Promise<string> {
    const { containerId } = await this.#call('CreateContainer', {
      podSandboxId: pod.id,
      sandboxConfig: pod.config,
      config: {
        metadata: { name },
        image: { image },
        command,
        logPath: `${name}.log`,
        linux: HOST_NETWORK,
        ...rest,
        labels: {
          ...rest.labels,
          ...Object.fromEntries(
            Object.entries((pod.config as { labels: Record<string, string> }).labels).filter(([key]) =>
              key.startsWith('io.kubernetes.pod.'),
            ),
          ),
          'io.kubernetes.container.name': name,
        },
      },
    });
    return containerId;
  }

  /** @throws ServiceError with the runtime's reason where the container could not be started */
  async startContainer(id: string): Promise<void> {
    await this.#call('StartContainer', { containerId: id });
  }

  async runContainer(pod: Pod, options: ContainerOptions): Promise<string> {
    const id = await this.createContainer(pod, options);
    await this.startContainer(id);
    return id;
  }

  /** Ends it at once. */
  async stopContainer(id: string): Promise<void> {
    await this.#call('StopContainer', { containerId: id, timeout: 0 });
  }

  async removeContainer(id: string): Promise<void> {
    await this.#call('RemoveContainer', { containerId: id });
  }

  async containerStatus(
    id: string,
  ): Promise<{ running: boolean; exitCode: number; reason: string; message: string; pid: number }> {
    const { status, info } = await this.#call('ContainerStatus', { containerId: id, verbose: true });
    const { pid = 0 } = JSON.parse(info.info ?? '{}') as { pid?: number };
    return { running: status.state === 1, ...status, pid };
  }

  async removePod(id: string): Promise<void> {
    await this.#call('StopPodSandbox', { podSandboxId: id });
    await this.#call('RemovePodSandbox', { podSandboxId: id });
  }

  async removeAllPods(): Promise<void> {
    const { items } = await this.#call('ListPodSandbox', {});
    for (const { id } of items) await this.removePod(id);
  }

  close(): void {
    this.#client.close();
  }

  #call(method: string, request: object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + CALL_MILLISECONDS };
      this.#client[method]!(request, options, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  }
}

type Service = new (address: string, channel: ReturnType<typeof credentials.createInsecure>) => never;
