import { credentials, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js';
import {
  RuntimeServiceClient,
  type RuntimeServiceServer,
  RuntimeServiceService,
} from '../../src/generated/runtime/v1/runtime.js';

/**
 * How a runtime answers requests for events: it sends them; it ends the stream, as CRI-O does by default;
 * it does not know the call.
 */
export type EventsServed = 'sent' | 'ended' | 'unimplemented';

export interface RenamedRuntime {
  readonly name: string;
  readonly events: EventsServed;
  /** Path of the socket of the real runtime. */
  readonly runtime: string;
  /** Id of a container of which only what CRI requires is reported. */
  readonly withoutProcess?: string;
}

/** Serves a runtime's CRI under another name, since CRI-O is not available everywhere. Returns a function that ends it. */
export async function serveRenamed(address: string, renamed: RenamedRuntime): Promise<() => void> {
  const { name, events, runtime, withoutProcess } = renamed;
  const client = new RuntimeServiceClient(`unix:${runtime}`, credentials.createInsecure());
  const service: RuntimeServiceServer = {
    version: ({ request }, callback) =>
      client.version(request, (error, answer) => callback(error, { ...answer, runtimeName: name })),
    listContainers: ({ request }, callback) => client.listContainers(request, callback),
    listPodSandbox: ({ request }, callback) => client.listPodSandbox(request, callback),
    containerStatus: ({ request }, callback) =>
      client.containerStatus({ ...request, verbose: request.containerId !== withoutProcess }, callback),
    getContainerEvents: (call) => {
      if (events === 'ended') return call.end();
      if (events === 'unimplemented') return call.emit('error', { code: status.UNIMPLEMENTED, details: 'not here' });
      const stream = client.getContainerEvents(call.request);
      stream.on('data', (event) => call.write(event));
      stream.on('error', (error: ServiceError) => call.emit('error', error));
      call.on('cancelled', () => stream.cancel());
    },
  };
  const server = new Server();
  server.addService(RuntimeServiceService, service);
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return () => {
    server.forceShutdown();
    client.close();
  };
}
