import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, type TestContext, test } from 'node:test';
import { type Client, credentials, loadPackageDefinition, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath } from 'grpc-health-check';
import type { RunningServer } from '../../../src/rpc/server.js';
import { SERVICE_NAMES } from '../../../src/rpc/services.js';
import { readRefusal, refusal, serveAll } from './support.js';

type HealthMethods = Client & {
  check(
    request: { service: string },
    callback: (error: ServiceError | null, response: { status: string }) => void,
  ): void;
  watch(request: { service: string }): NodeJS.ReadableStream & { cancel(): void };
};

function healthClient(t: TestContext, { address }: RunningServer) {
  const loaded = loadPackageDefinition(loadSync(protoPath, { enums: String, defaults: true })) as unknown as {
    grpc: { health: { v1: { Health: new (address: string, insecure: unknown) => HealthMethods } } };
  };
  const client = new loaded.grpc.health.v1.Health(address, credentials.createInsecure());
  t.after(() => client.close());
  return {
    client,
    check: (service: string) =>
      new Promise<string>((resolve, reject) => {
        client.check({ service }, (error, response) => (error === null ? resolve(response.status) : reject(error)));
      }),
  };
}

describe('the health service', () => {
  test('is SERVING for the server and each service only while policies are enforced', async (t) => {
    const { server, plane } = await serveAll(t);
    const { check } = healthClient(t, server);
    const all = () => Promise.all(['', ...SERVICE_NAMES].map(check));
    assert.deepEqual(await all(), Array(1 + SERVICE_NAMES.length).fill('SERVING'));
    plane.host.setStatus({ enforcing: false });
    assert.deepEqual(await all(), Array(1 + SERVICE_NAMES.length).fill('NOT_SERVING'));
    plane.host.setStatus({ enforcing: true });
    assert.deepEqual(await all(), Array(1 + SERVICE_NAMES.length).fill('SERVING'));
  });

  test('is NOT_SERVING only for `protection` while a container is not under its policies', async (t) => {
    const { server, plane } = await serveAll(t);
    const { check } = healthClient(t, server);
    const description = { id: 'c1', name: 'web', namespace: 'default', labels: {}, origin: 'docker' as const };
    const both = async () => [await check('protection'), await check('')];
    assert.deepEqual(await both(), ['SERVING', 'SERVING']);
    plane.unprotected.put(description, 'store', 'no space left on device');
    assert.deepEqual(await both(), ['NOT_SERVING', 'SERVING']);
    plane.unprotected.delete('c1');
    assert.deepEqual(await both(), ['SERVING', 'SERVING']);
    plane.host.setStatus({ leftOut: new Map([['c1', ['default/one']]]) });
    assert.deepEqual(await both(), ['NOT_SERVING', 'SERVING']);
  });

  test('is NOT_SERVING only for `store` while changes cannot be stored', async (t) => {
    const { server, plane } = await serveAll(t);
    const { check } = healthClient(t, server);
    const all = async () => [await check('store'), await check('protection'), await check('')];
    assert.deepEqual(await all(), ['SERVING', 'SERVING', 'SERVING']);
    plane.host.setStatus({ storeProblem: { cause: 'full', reason: 'no space left on device' } });
    assert.deepEqual(await all(), ['NOT_SERVING', 'SERVING', 'SERVING']);
    plane.host.setStatus({ storeProblem: undefined });
    assert.deepEqual(await all(), ['SERVING', 'SERVING', 'SERVING']);
  });

  test('returns NOT_FOUND for an unknown service', async (t) => {
    const { server } = await serveAll(t);
    assert.equal((await refusal(healthClient(t, server).check('hauberk.v1.Other'))).code, 'NOT_FOUND');
  });

  test('notifies watchers of changes, and only of changes', async (t) => {
    const { server, plane } = await serveAll(t);
    const watch = healthClient(t, server).client.watch({ service: 'hauberk.v1.PolicyService' });
    watch.on('error', () => undefined);
    const next = async () => (await once(watch, 'data'))[0].status;
    assert.equal(await next(), 'SERVING');
    plane.host.setStatus({ warnings: ['a runtime that nobody follows'] });
    plane.host.setStatus({ enforcing: false });
    assert.equal(await next(), 'NOT_SERVING');
    plane.host.setStatus({ enforcing: true });
    assert.equal(await next(), 'SERVING');
    watch.cancel();
  });

  test('ends watches with UNAVAILABLE when the daemon stops', async (t) => {
    const { server } = await serveAll(t);
    const watch = healthClient(t, server).client.watch({ service: '' });
    await once(watch, 'data');
    const failed = once(watch.resume(), 'error');
    await server.shutdown(5000);
    assert.deepEqual(readRefusal((await failed)[0] as ServiceError), {
      code: 'UNAVAILABLE',
      message: 'hauberkd is stopping',
      violations: [],
    });
  });
});
