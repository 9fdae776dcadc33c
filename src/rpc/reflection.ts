import type { ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import { Failure } from '../failure.js';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../generated/grpc/reflection/v1/reflection.js';
import { ServerReflectionService as ServerReflectionServiceAlpha } from '../generated/grpc/reflection/v1alpha/reflection.js';
import { READ, type RulesOf } from './access/method-rule.js';
import { toStatus } from './errors.js';
import { RpcService } from './handler.js';
import type { ReflectionIndex } from './reflection-index.js';

type ReflectionStream = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

export const REFLECTION_RULES: RulesOf<typeof ServerReflectionService> & RulesOf<typeof ServerReflectionServiceAlpha> =
  {
    '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo': READ,
    '/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo': READ,
  };

/**
 * Server reflection, v1 and v1alpha, of everything in a compiled descriptor set.
 *
 * @param descriptorSet a google.protobuf.FileDescriptorSet with all imports, as `buf build` writes it, or several of
 *   them one after the other
 */
export function reflectionOf(descriptorSet: Uint8Array): RpcService {
  let loaded: Promise<ReflectionIndex> | undefined;
  const serverReflectionInfo = (stream: ReflectionStream) => {
    // Few ask, and reading the descriptors takes long: it is done for the first who does.
    loaded ??= import('./reflection-index.js').then(({ ReflectionIndex }) => new ReflectionIndex(descriptorSet));
    const fail = (thrown: unknown) => stream.emit('error', Object.assign(new Error(), toStatus(Failure.from(thrown))));
    // Each waits for the same promise, so answers keep the order of their requests.
    stream.on('data', (request: ServerReflectionRequest) => {
      loaded!
        .then((index) => {
          // While a client does not read its answers, its requests are not read.
          if (stream.write(index.answer(request))) return;
          stream.pause();
          stream.once('drain', () => stream.resume());
        })
        .catch(fail);
    });
    stream.on('end', () => loaded!.then(() => stream.end()).catch(fail));
  };
  const implementation: UntypedServiceImplementation = { serverReflectionInfo };
  return RpcService.fromLibrary((registry) => {
    // The two versions have the same messages.
    registry.addService(ServerReflectionService, implementation);
    registry.addService(ServerReflectionServiceAlpha, implementation);
  });
}
