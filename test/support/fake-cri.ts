import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import {
  type Container,
  type ContainerStatus,
  type PodSandbox,
  type RuntimeServiceServer,
  RuntimeServiceService,
} from '../../src/generated/runtime/v1/runtime.js';

/** What a runtime reports of one running container. */
export interface FakeContainer {
  readonly container: Container;
  readonly status: ContainerStatus;
  readonly pid: number;
}

/**
 * A runtime that serves CRI without events, until the test is over; it counts the lists of
 * containers, and the requests for a container's status.
 */
export async function serveFakeCri(
  t: TestContext,
  directory: string,
  sandboxes: readonly PodSandbox[],
  containers: readonly FakeContainer[],
) {
  const counts = { lists: 0, status: 0 };
  const service: RuntimeServiceServer = {
    version: (_, callback) =>
      callback(null, { version: '0.1.0', runtimeName: 'fake', runtimeVersion: '1', runtimeApiVersion: 'v1' }),
    listContainers: (_, callback) => {
      counts.lists++;
      callback(null, { containers: containers.map(({ container }) => container) });
    },
    listPodSandbox: (_, callback) => callback(null, { items: [...sandboxes] }),
    containerStatus: ({ request }, callback) => {
      counts.status++;
      const found = containers.find(({ container }) => container.id === request.containerId);
      if (found === undefined) return callback({ code: status.NOT_FOUND, details: 'no such container' });
      callback(null, { status: found.status, info: { info: JSON.stringify({ pid: found.pid }) } });
    },
    getContainerEvents: (call) => call.emit('error', { code: status.UNIMPLEMENTED, details: 'not here' }),
  };
  const server = new Server();
  server.addService(RuntimeServiceService, service);
  const address = join(directory, 'cri.sock');
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  t.after(() => server.forceShutdown());
  return { address, counts };
}
