import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../../src/containers/container.js';
import { manifest } from '../support.js';
import { serveKubearmor } from './support.js';

function container(number: number, name: string, labels: Record<string, string> = { app: 'web' }): Container {
  return {
    id: `c${number}`,
    name,
    namespace: 'default',
    labels,
    origin: 'docker',
    namespaces: { pidNamespace: 4_026_000_000 + number, mountNamespace: 4_026_100_000 + number },
    links: {},
  };
}

test('getProbeData reports which policies reach which container, and whether they are in force', async (t) => {
  const { client, plane } = await serveKubearmor(t);
  await plane.containers.put(container(1, 'web'));
  await plane.containers.put(container(2, 'web'));
  await plane.containers.put(container(3, 'db', {}));
  await plane.policies.apply(plane.policies.readManifest(manifest('no-shadow')));
  const { containerList, containerMap, hostMap, networkMap } = (await client.probe()) as {
    containerList: string[];
    containerMap: Record<string, { policyList: string[]; policyEnabled: number; policyDataList: { policy: Buffer }[] }>;
    hostMap?: object;
    networkMap?: object;
  };
  assert.deepEqual(containerList, ['web', 'db']);
  assert.deepEqual(Object.keys(containerMap), ['web']);
  const { policyList, policyEnabled, policyDataList } = containerMap.web!;
  assert.deepEqual([policyList, policyEnabled], [['no-shadow'], 1]);
  const policies = policyDataList.map(({ policy }) => JSON.parse(Buffer.from(policy).toString()));
  assert.equal(policies.length, 1);
  assert.deepEqual(policies[0].metadata, { name: 'no-shadow', namespace: 'default' });
  assert.deepEqual(policies[0].spec.file, { matchPaths: [{ path: '/etc/shadow' }] });
  assert.deepEqual([hostMap, networkMap], [undefined, undefined]);
});

test('getProbeData does not call a policy enforced that is in force nowhere, or not in one container of that name', async (t) => {
  const { client, plane } = await serveKubearmor(t);
  await plane.containers.put(container(1, 'web'));
  await plane.policies.apply(plane.policies.readManifest(manifest('no-shadow')));
  const enabled = async () => {
    const { containerMap } = (await client.probe()) as { containerMap: Record<string, { policyEnabled?: number }> };
    return containerMap.web!.policyEnabled ?? 0;
  };
  assert.equal(await enabled(), 1);
  plane.unprotected.put(container(2, 'web'), 'kernel', 'the map is full');
  assert.equal(await enabled(), 0);
  plane.unprotected.delete('c2');
  plane.host.setStatus({ enforcing: false, reason: 'detached' });
  assert.equal(await enabled(), 0);
});
