import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import {
  type Client,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { makeEvent } from '../events/support.js';
import { manifest, PROTO_ROOT, serveAll } from './support.js';

type Dynamic = Client & {
  [method: string]: (request: object, callback?: (error: ServiceError | null, response: object) => void) => unknown;
};
type DynamicClass = new (address: string, insecure: unknown) => Dynamic;

describe('a client that has only the .proto files', () => {
  test('applies a policy, registers a container and reads events', async (t) => {
    const { server, hub } = await serveAll(t);
    const files = ['policy', 'container', 'event', 'host'].map((name) => `hauberk/v1/${name}.proto`);
    const definition = loadSync(files, {
      includeDirs: [PROTO_ROOT],
      keepCase: true,
      enums: String,
      longs: String,
      defaults: true,
      oneofs: true,
    });
    const { v1 } = (loadPackageDefinition(definition) as unknown as { hauberk: { v1: Record<string, DynamicClass> } })
      .hauberk;
    const clientOf = (service: string) => {
      const client = new v1[service]!(server.address, credentials.createInsecure());
      t.after(() => client.close());
      return client;
    };
    const call = (service: string, method: string, request: object) =>
      new Promise<unknown>((resolve, reject) => {
        clientOf(service)[method]!(request, (error, response) => (error === null ? resolve(response) : reject(error)));
      });

    const applied = await call('PolicyService', 'ApplyPolicy', { manifest: manifest('one') });
    assert.deepEqual(applied, {
      changes: [
        {
          namespace: 'default',
          name: 'one',
          kind: 'KIND_CREATED',
          container_ids: [],
          container_count: '0',
          warnings: ['the selector reaches no container at present'],
          resource_version: '1',
          scope: 'SCOPE_NAMESPACE',
          conflicts: [],
          previous_version: '0',
          origin: 'POLICY_ORIGIN_RPC',
        },
      ],
      revision: '1',
      omitted_changes: '0',
    });
    const registered = (await call('ContainerService', 'RegisterContainer', {
      id: 'c1',
      labels: { app: 'web' },
      namespaces: { pid_namespace: 4026531836, mount_namespace: 4026531841 },
    })) as { container: { protection: { protected: boolean } } };
    const { protection, ...container } = registered.container;
    assert.equal(protection.protected, true);
    assert.deepEqual(
      { ...registered, container },
      {
        container: {
          id: 'c1',
          name: 'c1',
          namespace: 'default',
          labels: { app: 'web' },
          namespaces: { pid_namespace: 4026531836, mount_namespace: 4026531841 },
          pid: 0,
          origin: 'CONTAINER_ORIGIN_REGISTERED',
          policies: ['default/one'],
          image_id: 40,
        },
        changed: true,
        revision: '2',
      },
    );

    const stream = clientOf('EventService').StreamEvents!({ classes: ['ACCESS_CLASS_FILE'] }) as ClientReadableStream<{
      events: { object: string; result: string; time: object }[];
      missed: string;
      position: { run: string; sequence: string };
    }>;
    stream.on('error', () => undefined);
    const [begun] = await once(stream, 'data');
    assert.deepEqual([begun.events, begun.position], [[], { run: hub.run, sequence: '0' }]);
    hub.publish([makeEvent()]);
    const [{ events, missed }] = await once(stream, 'data');
    assert.equal(missed, '0');
    assert.equal(events.length, 1);
    assert.equal(events[0].object, '/etc/shadow');
    assert.equal(events[0].result, 'RESULT_DENIED');
    assert.deepEqual(events[0].time, { seconds: '1700000000', nanos: 123456789 });
    stream.cancel();
  });
});
