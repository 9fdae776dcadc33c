import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { PackageDefinition } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { RpcService } from './handler.js';

/**
 * Server reflection, v1 and v1alpha, of everything in a compiled descriptor set.
 *
 * @param descriptorSet a google.protobuf.FileDescriptorSet with all imports, as `buf build` writes it, or several of
 *   them one after the other
 */
export function reflectionOf(descriptorSet: Uint8Array): RpcService {
  // The library's usual input, a definition of proto-loader 0.8, loses the imports of each file (grpc-node 3018), so it
  // gets the files themselves. It reads nothing else of a definition.
  const definition = { fileDescriptorProtos: filesOf(descriptorSet) } as unknown as PackageDefinition[string];
  const reflection = new ReflectionService({ '': definition });
  return RpcService.fromLibrary((registry) => reflection.addToServer(registry));
}

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
