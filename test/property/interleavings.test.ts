import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { namespaceKey } from '../../src/containers/container.js';
import { Failure } from '../../src/failure.js';
import { InMemoryControlPlane, MemoryKernel } from '../support/in-memory-control-plane.js';
import { manifest } from '../unit/rpc/support.js';
import { seedOf } from './runs.js';

const APPS = ['web', 'db'];
const number = (max: number) => fc.nat({ max });

/** A request, and how many milliseconds it comes after the one before. */
const step = fc.record({
  pause: fc.constantFrom(0, 0, 0, 1, 3),
  operation: fc.oneof(
    fc.record({ kind: fc.constant('register' as const), id: number(5), inode: number(5), app: number(1) }),
    fc.record({ kind: fc.constant('remove' as const), id: number(5) }),
    fc.record({ kind: fc.constant('sync' as const), ids: fc.uniqueArray(number(5), { maxLength: 3 }) }),
    fc.record({ kind: fc.constant('apply' as const), policy: number(2), app: number(1), path: number(1) }),
    fc.record({ kind: fc.constant('delete' as const), policy: number(2) }),
    fc.record({ kind: fc.constant('posture' as const), posture: fc.constantFrom('audit' as const, 'block' as const) }),
    fc.record({ kind: fc.constant('fail' as const), part: fc.constantFrom('store' as const, 'kernel' as const) }),
  ),
  /** How long the store and the kernel take from then on, in milliseconds. */
  delays: fc.record({ store: fc.constantFrom(0, 1, 2), kernel: fc.constantFrom(0, 1, 5) }),
});
type Operation = typeof step extends fc.Arbitrary<infer Step> ? (Step & { operation: unknown })['operation'] : never;

function containerOf(id: number, inode: number, app: number) {
  return {
    id: `c${id}`,
    name: `c${id}`,
    namespace: 'default',
    labels: { app: APPS[app]! },
    origin: 'registered',
    namespaces: { pidNamespace: inode + 1, mountNamespace: inode + 1 },
    links: {},
  } as const;
}

function carryOut(plane: InMemoryControlPlane, operation: Operation): Promise<unknown> {
  switch (operation.kind) {
    case 'register':
      return plane.containers.put(containerOf(operation.id, operation.inode, operation.app));
    case 'remove':
      return plane.containers.remove(`c${operation.id}`);
    case 'sync':
      return plane.containers.sync(operation.ids.map((id) => containerOf(id, id + 10, id % 2)));
    case 'apply': {
      const text = manifest(`p${operation.policy}`, `/etc/${operation.path}`).replace('web', APPS[operation.app]!);
      return plane.policies.apply(plane.policies.readManifest(text));
    }
    case 'delete':
      return plane.policies.delete({ namespace: 'default', name: `p${operation.policy}` }, 0);
    case 'posture':
      return plane.policies.setPosture('default', { file: operation.posture });
    case 'fail':
      if (operation.part === 'store') plane.storeFailure = new Failure('unavailable', 'no space left on device');
      else plane.kernel.failure = new Error('out of memory');
      setTimeout(() => {
        plane.storeFailure = undefined;
        plane.kernel.failure = undefined;
      }, 3);
      return Promise.resolve();
  }
}

/** The rules and images in the kernel, by namespaces. */
function held({ kernel }: InMemoryControlPlane) {
  return Object.fromEntries(
    [...kernel.published].sort().map(([key, { imageId }]) => {
      const { rules, words } = kernel.images.get(imageId)!;
      // Only the kernel's copy of the image contains its id.
      return [key, [rules.map((rule) => ('policy' in rule ? [rule.policy.name, rule.rule.match] : rule)), words]];
    }),
  );
}

function slowly(plane: InMemoryControlPlane): { delays: { store: number; kernel: number } } {
  const slow = { delays: { store: 0, kernel: 0 } };
  plane.kernel.beforePublish = async () => {
    if (slow.delays.kernel > 0) await sleep(slow.delays.kernel);
  };
  const { store } = plane.ledger;
  const commit = store.commit.bind(store);
  store.commit = async (changes) => {
    if (slow.delays.store > 0) await sleep(slow.delays.store);
    await commit(changes);
  };
  return slow;
}

/** The containers that a daemon would load after all commits. */
function written({ commits }: InMemoryControlPlane) {
  const containers = new Map<string, unknown>();
  for (const { putContainers = [], deleteContainers = [] } of commits) {
    for (const id of deleteContainers) containers.delete(id);
    for (const container of putContainers) containers.set(container.id, container);
  }
  return [...containers.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
}

test('after any interleaving of changes to containers and policies, the kernel has the same state as after a restart', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
      const plane = new InMemoryControlPlane();
      await plane.ledger.start([]);
      const slow = slowly(plane);
      const answers: Promise<unknown>[] = [];
      for (const { pause, operation, delays } of steps) {
        if (pause > 0) await sleep(pause);
        slow.delays = delays;
        const answer = carryOut(plane, operation);
        // Awaited below; until then a rejection counts as handled.
        answer.catch(() => undefined);
        answers.push(answer);
      }
      for (const answer of await Promise.allSettled(answers)) {
        if (answer.status === 'rejected') assert.ok(answer.reason instanceof Failure, String(answer.reason));
      }
      plane.kernel.failure = undefined;
      plane.storeFailure = undefined;
      await plane.ledger.whenEnforced(plane.ledger.revision, AbortSignal.timeout(10_000));
      // Images that may be needed again are kept until policies change.
      await plane.policies.setPosture('elsewhere', { file: 'audit' });
      await plane.ledger.stop();
      const fresh = new InMemoryControlPlane(plane.ledger.desired, new MemoryKernel());
      await fresh.ledger.start([]);
      assert.deepEqual(held(plane), held(fresh));
      assert.equal(plane.kernel.images.size, fresh.kernel.images.size);
      const known = plane.containers.list();
      assert.deepEqual(
        written(plane),
        known.map((container) => [container.id, container]),
      );
      assert.deepEqual(
        [...plane.kernel.published.keys()].sort(),
        known.map(({ namespaces }) => namespaceKey(namespaces)).sort(),
      );
    }),
    { numRuns: 150, seed: seedOf('interleavings'), includeErrorInReport: true },
  );
});
