import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ConfigureResponse,
  type Container,
  ContainerState,
  type PodSandbox,
  RegisterPluginRequest,
  SynchronizeRequest,
  SynchronizeResponse,
} from '../../../../src/generated/nri/nri.js';
import { Multiplexer } from '../../../../src/sources/nri/mux.js';
import { TtrpcClient } from '../../../../src/sources/nri/ttrpc-client.js';
import { TtrpcServer } from '../../../../src/sources/nri/ttrpc-server.js';

const PLUGIN_SERVICE = 'nri.pkg.api.v1alpha1.Plugin';
const RUNTIME_SERVICE = 'nri.pkg.api.v1alpha1.Runtime';

/** The runtime's side of NRI, for cases that no available containerd produces. */
export class Runtime {
  readonly #directory = mkdtempSync(join(tmpdir(), 'hauberk-nri-'));
  readonly address = join(this.#directory, 'nri.sock');
  socket: Socket | undefined;
  #plugin: TtrpcClient | undefined;
  #registered: (() => void) | undefined;
  readonly #server = createServer((socket) => {
    this.socket = socket;
    const multiplexer = new Multiplexer((bytes) => socket.write(bytes));
    const plugin: TtrpcClient = new TtrpcClient(multiplexer.open(1, (bytes) => plugin.receive(bytes)));
    const server: TtrpcServer = new TtrpcServer(
      RUNTIME_SERVICE,
      {
        RegisterPlugin: (payload) => {
          this.registrations.push(RegisterPluginRequest.decode(payload));
          this.#registered?.();
          return new Uint8Array();
        },
      },
      multiplexer.open(2, (bytes) => server.receive(bytes)),
    );
    this.#plugin = plugin;
    socket.on('data', (chunk) => multiplexer.receive(chunk));
    socket.on('error', () => undefined);
  });
  readonly registrations: RegisterPluginRequest[] = [];

  async listen(): Promise<void> {
    await once(this.#server.listen(this.address), 'listening');
  }

  async pluginRegistered(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#registered = resolve;
    });
  }

  async configure(): Promise<ConfigureResponse> {
    return ConfigureResponse.decode(await this.call('Configure', new Uint8Array()));
  }

  async synchronize(request: Partial<SynchronizeRequest>): Promise<SynchronizeResponse> {
    const payload = SynchronizeRequest.encode({ pods: [], containers: [], more: false, ...request }).finish();
    return SynchronizeResponse.decode(await this.call('Synchronize', payload));
  }

  call(method: string, payload: Uint8Array, milliseconds = 2000): Promise<Uint8Array> {
    return this.#plugin!.call(PLUGIN_SERVICE, method, payload, milliseconds);
  }

  close(): void {
    this.#plugin?.close(new Error('closed'));
    this.socket?.destroy();
    this.#server.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export function pod(id: string, labels: Record<string, string> = {}): PodSandbox {
  return { id, name: `pod-${id}`, uid: `uid-${id}`, namespace: 'shop', labels };
}

export function container(
  id: string,
  podSandboxId: string,
  pid: number,
  state = ContainerState.CONTAINER_RUNNING,
): Container {
  return { id, podSandboxId, pid, state, name: `name-${id}`, annotations: {} };
}
