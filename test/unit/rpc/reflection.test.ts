import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { create, createFileRegistry, type DescFile, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type ClientDuplexStream, credentials, loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { reflectionOf } from '../../../src/rpc/reflection.js';
import type { RunningServer } from '../../../src/rpc/server.js';
import { SERVICE_NAMES } from '../../../src/rpc/services.js';
import { DESCRIPTORS, serve, serveAll } from './support.js';

interface Answer {
  listServicesResponse?: { service: { name: string }[] };
  fileDescriptorResponse?: { fileDescriptorProto: Buffer[] };
  errorResponse?: { errorCode: number; errorMessage: string };
}
type Version = 'v1' | 'v1alpha';

const protoDirectory = join(dirname(createRequire(import.meta.url).resolve('@grpc/reflection')), '../proto');

/** Sends requests one after the other on one stream, as grpcurl does. */
function reflect(t: TestContext, { address }: RunningServer, version: Version) {
  const path = join(protoDirectory, `grpc/reflection/${version}/reflection.proto`);
  const loaded = loadPackageDefinition(loadSync(path)) as never as {
    grpc: { reflection: Record<Version, { ServerReflection: new (address: string, insecure: unknown) => Stub }> };
  };
  const client = new loaded.grpc.reflection[version].ServerReflection(address, credentials.createInsecure());
  const stream = client.serverReflectionInfo();
  stream.on('error', () => undefined);
  t.after(() => {
    stream.end();
    client.close();
  });
  return (request: object) =>
    new Promise<Answer>((resolve) => {
      stream.once('data', resolve);
      stream.write(request);
    });
}

interface Stub {
  serverReflectionInfo(): ClientDuplexStream<object, Answer>;
  close(): void;
}

type Ask = ReturnType<typeof reflect>;

/** Fetches a file by symbol and then, by name, every import that was not included. */
async function resolveSymbol(answerOf: Ask, symbol: string): Promise<DescFile> {
  const files = new Map<string, FileDescriptorProto>();
  const fetch = async (request: object) => {
    const { fileDescriptorResponse, errorResponse } = await answerOf(request);
    assert.equal(errorResponse, undefined);
    const fetched = fileDescriptorResponse!.fileDescriptorProto.map((bytes) =>
      fromBinary(FileDescriptorProtoSchema, bytes),
    );
    for (const file of fetched) files.set(file.name, file);
    return fetched[0]!;
  };
  const first = await fetch({ fileContainingSymbol: symbol });
  const pending = [...first.dependency];
  for (const name of pending) {
    const file = files.get(name) ?? (await fetch({ fileByFilename: name }));
    assert.equal(file.name, name);
    pending.push(...file.dependency);
  }
  // Throws unless every import and every type exists.
  const set = create(FileDescriptorSetSchema, {
    file: [...new Set([...pending.toReversed(), first.name])].map((name) => files.get(name)!),
  });
  return createFileRegistry(set).getFile(first.name)!;
}

for (const version of ['v1', 'v1alpha'] as const) {
  describe(`server reflection ${version}`, () => {
    test('lists the services', async (t) => {
      const { server } = await serveAll(t);
      const { listServicesResponse } = await reflect(t, server, version)({ listServices: '' });
      const names = listServicesResponse!.service.map(({ name }) => name);
      assert.deepEqual(
        SERVICE_NAMES.filter((name) => !names.includes(name)),
        [],
      );
    });

    test('returns a file and all its dependencies to a client that resolves imports', async (t) => {
      const { server } = await serveAll(t);
      const answerOf = reflect(t, server, version);
      const file = await resolveSymbol(answerOf, 'hauberk.v1.EventService.StreamEvents');
      assert.equal(file.proto.name, 'hauberk/v1/event.proto');
      assert.deepEqual(file.proto.dependency, ['google/protobuf/timestamp.proto', 'hauberk/v1/policy.proto']);
      const event = file.messages.find(({ name }) => name === 'Event');
      const time = event?.fields.find(({ name }) => name === 'time');
      assert.equal(time?.message?.typeName, 'google.protobuf.Timestamp');
      const classField = event?.fields.find(({ name }) => name === 'class');
      assert.equal(classField?.enum?.typeName, 'hauberk.v1.AccessClass');
    });

    test('describes the health service too', async (t) => {
      const { server } = await serveAll(t);
      const file = await resolveSymbol(reflect(t, server, version), 'grpc.health.v1.Health.Check');
      assert.equal(file.services[0]?.typeName, 'grpc.health.v1.Health');
    });

    test('knows well-known types, and the files of a second descriptor set', async (t) => {
      const extra = create(FileDescriptorProtoSchema, {
        name: 'extra.proto',
        package: 'extra',
        syntax: 'proto3',
        service: [{ name: 'Extra' }],
      });
      const second = toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file: [extra] }));
      const { server } = await serve(t, [reflectionOf(Buffer.concat([DESCRIPTORS, second]))]);
      const answerOf = reflect(t, server, version);
      const timestamp = await resolveSymbol(answerOf, 'google.protobuf.Timestamp');
      assert.equal(timestamp.proto.name, 'google/protobuf/timestamp.proto');
      assert.equal((await resolveSymbol(answerOf, 'extra.Extra')).services[0]?.typeName, 'extra.Extra');
    });

    test('returns NOT_FOUND for an unknown symbol, and continues', async (t) => {
      const { server } = await serveAll(t);
      const answerOf = reflect(t, server, version);
      assert.equal((await answerOf({ fileContainingSymbol: 'hauberk.v1.Nothing' })).errorResponse?.errorCode, 5);
      assert.equal((await answerOf({ fileByFilename: 'nothing.proto' })).errorResponse?.errorCode, 5);
      assert.equal((await answerOf({ fileContainingSymbol: 'hauberk.v1.Policy' })).errorResponse, undefined);
    });
  });
}
