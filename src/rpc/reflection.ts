import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { ServerDuplexStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { PackageDefinition } from '@grpc/proto-loader';
import type { ReflectionV1Implementation } from '@grpc/reflection/build/src/implementations/reflection-v1.js';
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../generated/grpc/reflection/v1/reflection.js';
import { ServerReflectionService as ServerReflectionServiceAlpha } from '../generated/grpc/reflection/v1alpha/reflection.js';
import { RpcService } from './handler.js';

/** Answers requests from an index of descriptors. */
type Reflection = Pick<ReflectionV1Implementation, 'handleServerReflectionRequest'>;
type LibraryRequest = Parameters<Reflection['handleServerReflectionRequest']>[0];
type ReflectionStream = ServerDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;

/**
 * Server reflection, v1 and v1alpha, of everything in a compiled descriptor set.
 *
 * @param descriptorSet a google.protobuf.FileDescriptorSet with all imports, as `buf build` writes it, or several of
 *   them one after the other
 */
export function reflectionOf(descriptorSet: Uint8Array): RpcService {
  let loaded: Promise<Reflection> | undefined;
  const serverReflectionInfo = (stream: ReflectionStream) => {
    // Few ask, and reading the descriptors takes long: it is done for the first who does.
    loaded ??= load(descriptorSet);
    const fail = (error: Error) => stream.destroy(error);
    // Each waits for the same promise, so answers keep the order of their requests.
    stream.on('data', (request: ServerReflectionRequest) => {
      loaded!.then((reflection) => stream.write(answer(reflection, request))).catch(fail);
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

async function load(descriptorSet: Uint8Array): Promise<Reflection> {
  // Not the package's main module, whose service reads its own description from a file in the package.
  const library = await import('@grpc/reflection/build/src/implementations/reflection-v1.js');
  // The library's usual input, a definition of proto-loader 0.8, loses the imports of each file (grpc-node 3018), so it
  // gets the files themselves. It reads nothing else of a definition.
  const definition = { fileDescriptorProtos: filesOf(descriptorSet) } as unknown as PackageDefinition[string];
  return new library.ReflectionV1Implementation({ '': definition });
}

/** Asks the library, which has a member for each case of a `oneof` where the generated code has one for all. */
function answer(reflection: Reflection, request: ServerReflectionRequest): ServerReflectionResponse {
  const { host, messageRequest } = request;
  const asked = messageRequest && {
    messageRequest: messageRequest.$case,
    [messageRequest.$case]: messageRequest.value,
  };
  const answered = reflection.handleServerReflectionRequest({ host, ...asked } as LibraryRequest);
  const found = RESPONSES.find((name) => answered[name] != null);
  const messageResponse = found && { $case: found, value: answered[found] };
  return {
    validHost: host,
    originalRequest: request,
    messageResponse: messageResponse as ServerReflectionResponse['messageResponse'],
  };
}

const RESPONSES = [
  'fileDescriptorResponse',
  'allExtensionNumbersResponse',
  'listServicesResponse',
  'errorResponse',
] as const;

function filesOf(descriptorSet: Uint8Array): Buffer[] {
  const files: Buffer[] = [];
  const reader = new BinaryReader(descriptorSet);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1 && wireType === WireType.LengthDelimited) files.push(Buffer.from(reader.bytes()));
    else reader.skip(wireType, field);
  }
  return files;
}
