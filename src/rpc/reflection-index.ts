import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
// Not the package's main module, whose class can only add itself to a server, for which it reads a file of the package:
// bundles do not have that. test/unit/rpc/library-internals.test.ts pins this one.
import { ReflectionV1Implementation } from '@grpc/reflection/build/src/implementations/reflection-v1.js';
import type { ServerReflectionRequest, ServerReflectionResponse } from '../generated/grpc/reflection/v1/reflection.js';

type LibraryDefinitions = ConstructorParameters<typeof ReflectionV1Implementation>[0];
type LibraryRequest = Parameters<ReflectionV1Implementation['handleServerReflectionRequest']>[0];

/** Answers requests about the files of a descriptor set. */
export class ReflectionIndex {
  readonly #library: ReflectionV1Implementation;

  constructor(descriptorSet: Uint8Array) {
    // The library's usual input, a definition of proto-loader 0.8, loses the imports of each file (grpc-node 3018), so
    // it gets the files themselves. It reads nothing else of a definition.
    const definition = { fileDescriptorProtos: filesOf(descriptorSet) } as unknown as LibraryDefinitions[string];
    this.#library = new ReflectionV1Implementation({ '': definition });
  }

  /** Queries the library, which has a field for each case of a `oneof` where the generated code has one for all. */
  answer(request: ServerReflectionRequest): ServerReflectionResponse {
    const { host, messageRequest } = request;
    const libraryRequest = messageRequest && {
      messageRequest: messageRequest.$case,
      [messageRequest.$case]: messageRequest.value,
    };
    const answered = this.#library.handleServerReflectionRequest({ host, ...libraryRequest } as LibraryRequest);
    const found = RESPONSES.find((name) => answered[name] != null);
    const messageResponse = found && { $case: found, value: answered[found] };
    return {
      validHost: host,
      originalRequest: request,
      messageResponse: messageResponse as ServerReflectionResponse['messageResponse'],
    };
  }
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
