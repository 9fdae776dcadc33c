import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../src/kubernetes/api-client.js';
import { Lease } from '../../../src/kubernetes/lease.js';
import { eventually } from '../../support/eventually.js';

/** Leases as in Kubernetes: an update of an older version is refused. */
class Leases {
  #lease: { metadata: { resourceVersion: string }; spec: { holderIdentity: string } } | undefined;
  #version = 0;
  isAway = false;
  isSilent = false;

  get holder(): string | undefined {
    return this.#lease?.spec.holderIdentity;
  }

  async get(): Promise<unknown> {
    if (this.isAway) throw new Error('away');
    if (this.isSilent) await new Promise((resolve) => setTimeout(resolve, 300));
    if (this.#lease === undefined) throw new ApiError('not found', 404);
    return structuredClone(this.#lease);
  }

  async create(_: string, body: object): Promise<unknown> {
    if (this.#lease !== undefined) throw new ApiError('exists', 409);
    return this.#put(body);
  }

  async replace(_: string, body: object): Promise<unknown> {
    if (this.isAway) throw new Error('away');
    const { metadata } = body as { metadata: { resourceVersion: string } };
    if (metadata.resourceVersion !== this.#lease?.metadata.resourceVersion) throw new ApiError('changed', 409);
    return this.#put(body);
  }

  #put(body: object): unknown {
    const resourceVersion = String(++this.#version);
    this.#lease = structuredClone({ ...body, metadata: { resourceVersion } }) as never;
    return this.#lease;
  }
}

function candidate(client: Leases, identity: string): Lease {
  const times = { duration: 60, renewal: 5, look: 5 };
  const lease = new Lease({ client, namespace: 'n', name: 'l', identity, onChange: () => undefined, times });
  lease.start();
  return lease;
}

test('one of several holds the lease, and another after the first has released it', async () => {
  const leases = new Leases();
  const candidates = ['a', 'b', 'c'].map((each) => candidate(leases, each));
  await eventually(() => candidates.filter(({ isHeld }) => isHeld).length === 1);
  const first = candidates.find(({ isHeld }) => isHeld)!;
  await first.stop();
  assert.equal(first.isHeld, false);
  await eventually(() => candidates.some(({ isHeld }) => isHeld));
  await Promise.all(candidates.map((each) => each.stop()));
  assert.equal(leases.holder, '');
});

test('a silent holder is replaced, and one that cannot renew the lease stops being the holder', async () => {
  const leases = new Leases();
  await leases.create('', { spec: { holderIdentity: 'dead' } });
  const lease = candidate(leases, 'a');
  assert.equal(lease.isHeld, false);
  await eventually(() => lease.isHeld);
  leases.isAway = true;
  await eventually(() => !lease.isHeld);
  leases.isAway = false;
  await eventually(() => lease.isHeld);
  await lease.stop();
});

test('a holder whose renewal is not answered holds the lease no longer than its duration', async () => {
  const leases = new Leases();
  const lease = candidate(leases, 'a');
  await eventually(() => lease.isHeld);
  leases.isSilent = true;
  await eventually(() => !lease.isHeld);
  await lease.stop();
});
