import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Container, namespaceKey } from '../../../src/containers/container.js';
import { Failure } from '../../../src/failure.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { manifest } from '../rpc/support.js';

function container(number: number, changes: Partial<Container> = {}): Container {
  return {
    id: `c${number}`,
    name: `c${number}`,
    namespace: 'default',
    labels: { app: 'web' },
    origin: 'registered',
    namespaces: { pidNamespace: number * 10, mountNamespace: number * 10 + 1 },
    links: {},
    ...changes,
  };
}
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const apply = (plane: InMemoryControlPlane, text: string) => plane.policies.apply(plane.policies.readManifest(text));
const code = (expected: string) => (error: unknown) => error instanceof Failure && error.code === expected;

/** The rules by which the kernel decides for a container. */
function held({ kernel }: InMemoryControlPlane, { namespaces }: Container): string[] | undefined {
  const image = kernel.published.get(namespaceKey(namespaces));
  if (image === undefined) return undefined;
  return kernel.images
    .get(image.imageId)!
    .rules.map((rule) => ('policy' in rule ? rule.policy.name : `${rule.posture} posture`));
}

/** Makes publications for certain containers wait until the gate is opened. */
function gate(plane: InMemoryControlPlane, concerns: (keys: readonly string[]) => boolean = () => true) {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let reached!: () => void;
  const waiting = new Promise<void>((resolve) => {
    reached = resolve;
  });
  plane.kernel.beforePublish = async (entries) => {
    if (!concerns(entries.map((entry) => namespaceKey(entry.container)))) return;
    reached();
    await opened;
  };
  return { open, waiting };
}

test('containers that are registered concurrently are stored and published together, with a result for each caller', async (t) => {
  // With real time, on a busy machine, work that exceeds a time slice would be split.
  t.mock.method(performance, 'now', () => 0);
  const plane = new InMemoryControlPlane();
  let publications = 0;
  plane.kernel.beforePublish = async () => {
    publications++;
  };
  const outcomes = await Promise.all(upTo(50).map((number) => plane.containers.put(container(number))));
  assert.deepEqual(
    outcomes.map(({ result, revision }) => [result.container.id, result.kind, revision]),
    upTo(50).map((number) => [`c${number}`, 'added', 1]),
  );
  assert.equal(plane.commits.length, 1);
  assert.equal(plane.commits[0]!.putContainers?.length, 50);
  assert.equal(publications, 1);
  await Promise.all(upTo(50).map((number) => plane.containers.remove(`c${number}`)));
  assert.equal(plane.commits.length, 2);
  assert.equal(plane.kernel.published.size, 0);
});

test('more than a batch is split into several, at the same cost for each container', async () => {
  const plane = new InMemoryControlPlane();
  await Promise.all(upTo(1000).map((number) => plane.containers.put(container(number))));
  assert.equal(plane.commits.length, Math.ceil(1000 / 128));
  assert.equal(plane.kernel.images.size, 1);
  assert.equal(plane.kernel.published.size, 1000);
});

test('an invalid registration does not fail the others', async () => {
  const plane = new InMemoryControlPlane();
  const taken = container(1).namespaces;
  const answers = await Promise.allSettled([
    plane.containers.put(container(1)),
    plane.containers.put(container(2, { namespaces: taken })),
    plane.containers.remove('nobody'),
    plane.containers.put(container(3)),
  ]);
  assert.deepEqual(
    answers.map((answer) => (answer.status === 'fulfilled' ? 'done' : (answer.reason as Failure).code)),
    ['done', 'invalid-argument', 'not-found', 'done'],
  );
  assert.deepEqual(
    plane.containers.list().map(({ id }) => id),
    ['c1', 'c3'],
  );
  assert.equal(plane.commits.length, 1);
});

test('changes of one container are made in the order of the requests', async () => {
  const plane = new InMemoryControlPlane();
  const outcomes = await Promise.all([
    plane.containers.put(container(1)),
    plane.containers.put(container(1, { name: 'other' })),
    plane.containers.remove('c1'),
    plane.containers.sync([container(2), container(1)]),
    plane.containers.put(container(3)),
    plane.containers.sync([container(3)]),
  ]);
  assert.deepEqual(
    outcomes.map(({ result }) => [result].flat().map(({ container: { id }, kind }) => `${id} ${kind}`)),
    [
      ['c1 added'],
      ['c1 changed'],
      ['c1 removed'],
      ['c2 added', 'c1 added'],
      ['c3 added'],
      ['c2 removed', 'c1 removed', 'c3 unchanged'],
    ],
  );
});

test('two containers may exchange their namespaces in one call', async () => {
  const plane = new InMemoryControlPlane();
  await plane.containers.sync([container(1), container(2)]);
  const [first, second] = [container(1).namespaces, container(2).namespaces];
  await plane.containers.sync([container(1, { namespaces: second }), container(2, { namespaces: first })]);
  assert.equal(plane.ledger.containerAt(first)?.id, 'c2');
  assert.equal(plane.ledger.containerAt(second)?.id, 'c1');
  assert.equal(plane.kernel.published.size, 2);
});

test('a caller is notified that its container is visible once it is stored, before everything is done', async () => {
  const plane = new InMemoryControlPlane();
  const { kernel } = plane;
  const publish = kernel.publish.bind(kernel);
  let finish!: () => void;
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  kernel.publish = async (entries, onVisible) => {
    await publish(entries, onVisible);
    await finished;
  };
  let isDone = false;
  const commits = await new Promise<number>((resolve) => {
    void plane.containers
      .put(container(1), () => resolve(plane.commits.length))
      .then(() => {
        isDone = true;
      });
  });
  assert.equal(commits, 1);
  assert.equal(isDone, false);
  finish();
  let visible = 0;
  const again = await plane.containers.put(container(1), () => visible++);
  assert.deepEqual([again.result.kind, visible], ['unchanged', 1]);
});

test('a container that starts does not wait for a change of policies that is being published', async () => {
  const plane = new InMemoryControlPlane();
  await plane.containers.put(container(1));
  const { open, waiting } = gate(plane, (keys) => keys.includes(namespaceKey(container(1).namespaces)));
  const applied = apply(plane, manifest('one'));
  await waiting;
  await plane.containers.put(container(2));
  assert.deepEqual(held(plane, container(2)), ['one']);
  assert.deepEqual(held(plane, container(1)), []);
  assert.equal(plane.ledger.enforcedRevision, 1);
  open();
  await applied;
  assert.deepEqual(held(plane, container(1)), ['one']);
  assert.equal(plane.ledger.enforcedRevision, 3);
});

test('the last change of a container stays, even if an earlier one takes longer', async () => {
  const plane = new InMemoryControlPlane();
  await plane.containers.put(container(1));
  const { open, waiting } = gate(plane);
  const applied = apply(plane, manifest('one'));
  await waiting;
  plane.kernel.beforePublish = async () => undefined;
  const changed = plane.containers.put(container(1, { labels: { app: 'db' } }));
  await sleep(5);
  assert.deepEqual(held(plane, container(1)), []);
  open();
  await Promise.all([applied, changed]);
  assert.deepEqual(held(plane, container(1)), []);
});

test('containers that are registered while a policy is compiled are under it once it is in force', async () => {
  const plane = new InMemoryControlPlane();
  await plane.containers.put(container(1));
  const { createImage } = plane.kernel;
  const arrivals: Promise<unknown>[] = [];
  plane.kernel.createImage = (image, imageId) => {
    plane.kernel.createImage = createImage;
    arrivals.push(plane.containers.put(container(2)), plane.containers.remove('c1'));
    return createImage.call(plane.kernel, image, imageId);
  };
  const { result } = await apply(plane, manifest('one'));
  await Promise.all(arrivals);
  assert.equal(arrivals.length, 2);
  assert.equal(result[0]!.kind, 'created');
  assert.deepEqual(held(plane, container(2)), ['one']);
  assert.equal(held(plane, container(1)), undefined);
});

test('a container that is registered while a policy is being stored is under that policy', async () => {
  const plane = new InMemoryControlPlane();
  const { store } = plane.ledger;
  const commit = store.commit.bind(store);
  let arrival: Promise<unknown> | undefined;
  store.commit = async (changes) => {
    arrival ??= plane.containers.put(container(1));
    await sleep(5);
    await commit(changes);
  };
  await apply(plane, manifest('one'));
  await arrival;
  assert.deepEqual(held(plane, container(1)), ['one']);
});

test('registering containers does not change the revision that an expected version is compared with', async () => {
  const plane = new InMemoryControlPlane();
  const inputs = plane.policies.readManifest(manifest('one'));
  const [first] = await Promise.all([
    plane.policies.apply(inputs),
    ...upTo(20).map((n) => plane.containers.put(container(n))),
  ]);
  const { resourceVersion } = first.result[0]!;
  assert.equal(plane.policies.versionOf(inputs[0]!.policy), resourceVersion);
  assert.equal(resourceVersion, first.revision);
  const expected = new Map([['default/one', resourceVersion]]);
  await plane.policies.apply(plane.policies.readManifest(manifest('one', '/etc/other')), { expected });
  await assert.rejects(plane.policies.apply(inputs, { expected }), code('aborted'));
});

test('a container that two sources report stays as the first has reported it', async () => {
  const plane = new InMemoryControlPlane();
  await plane.containers.put(container(1, { origin: 'docker', initStartTicks: 7 }));
  const twin = container(2, { namespaces: container(1).namespaces, origin: 'cri', initStartTicks: 7 });
  await assert.rejects(plane.containers.put(twin), code('already-exists'));
  await plane.containers.put({ ...twin, initStartTicks: 8 });
  assert.deepEqual(
    plane.containers.list().map(({ id }) => id),
    ['c2'],
  );
});

test('a new report of a container changes its description, but not how it came under its policies', async () => {
  const plane = new InMemoryControlPlane();
  const hook = { by: 'hook', since: 5 } as const;
  const process = { pid: 7, startTicks: 70 };
  await plane.containers.put(container(1, { initStartTicks: 70, process, isFirstProcess: true, protection: hook }));
  const event = { by: 'event', since: 9 } as const;
  const reported = container(1, { initStartTicks: 70, process, protection: event });
  assert.equal((await plane.containers.put(reported)).result.kind, 'unchanged');
  const { result } = await plane.containers.put({ ...reported, name: 'renamed', labels: { app: 'db' } });
  assert.deepEqual(
    [result.kind, result.container.name, result.container.protection, result.container.isFirstProcess],
    ['changed', 'renamed', hook, true],
  );
  const restarted = await plane.containers.put({
    ...reported,
    initStartTicks: 90,
    process: { pid: 8, startTicks: 90 },
  });
  assert.deepEqual(restarted.result.container.protection, event);
  assert.equal(restarted.result.container.isFirstProcess, undefined);
});

test('a registration that cannot be stored changes nothing, and can be retried', async () => {
  const plane = new InMemoryControlPlane();
  plane.storeFailure = new Failure('unavailable', 'cannot write: no space left on device');
  const refused = await Promise.allSettled(upTo(3).map((number) => plane.containers.put(container(number))));
  for (const answer of refused) assert.ok(answer.status === 'rejected' && code('unavailable')(answer.reason));
  assert.deepEqual([plane.containers.list(), plane.kernel.published.size], [[], 0]);
  plane.storeFailure = undefined;
  await plane.policies.setPosture('elsewhere', { file: 'audit' });
  assert.equal(plane.kernel.images.size, 0);
  await plane.containers.put(container(1));
  assert.deepEqual(held(plane, container(1)), []);
});

test('a registration that the kernel refused is published by the next one of the same container', async () => {
  const plane = new InMemoryControlPlane();
  plane.kernel.failure = new Error('out of memory');
  await assert.rejects(plane.containers.put(container(1)), code('internal'));
  await assert.rejects(plane.containers.put(container(1)), code('internal'));
  plane.kernel.failure = undefined;
  assert.equal((await plane.containers.put(container(1))).result.kind, 'unchanged');
  assert.deepEqual(held(plane, container(1)), []);
  assert.equal(plane.host.status().reason, '');
});

test('for containers that are registered one after the other policies are compiled once, until policies change', async () => {
  const plane = new InMemoryControlPlane();
  await apply(plane, manifest('one'));
  let compiled = 0;
  const { createImage } = plane.kernel;
  plane.kernel.createImage = (image, imageId) => {
    compiled++;
    return createImage.call(plane.kernel, image, imageId);
  };
  for (const number of upTo(5)) {
    await plane.containers.put(container(number));
    await plane.containers.remove(`c${number}`);
  }
  assert.equal(compiled, 1);
  await apply(plane, manifest('one', '/etc/other'));
  assert.equal(plane.kernel.images.size, 0);
  await plane.containers.put(container(1));
  assert.deepEqual(held(plane, container(1)), ['one']);
});

test('only a few unused images are kept, and none that observes system calls', async () => {
  const plane = new InMemoryControlPlane();
  const calls = manifest('calls').replace(/file:.*$/su, 'syscalls: {matchSyscalls: [{syscall: [kill]}]}\n');
  await apply(plane, calls);
  await plane.containers.put(container(1));
  assert.equal(plane.kernel.observesCalls, true);
  await plane.containers.remove('c1');
  assert.equal(plane.kernel.observesCalls, false);
  assert.equal(plane.kernel.images.size, 0);
  for (const number of upTo(30)) await apply(plane, manifest(`p${number}`, `/etc/${number}`, `n${number}`));
  for (const number of upTo(30)) {
    await plane.containers.put(container(number, { namespace: `n${number}` }));
    await plane.containers.remove(`c${number}`);
  }
  assert.equal(plane.kernel.images.size, 16);
});

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('two batches may be published at a time, and a third one waits before it is stored', async () => {
  const plane = new InMemoryControlPlane();
  const { open } = gate(plane);
  const puts: Promise<unknown>[] = [];
  for (const number of upTo(3)) {
    puts.push(plane.containers.put(container(number)));
    await turns();
  }
  assert.equal(plane.commits.length, 2);
  let isStopped = false;
  const stopped = plane.ledger.stop().then(() => {
    isStopped = true;
  });
  await turns();
  assert.equal(isStopped, false, 'stopping waits for work in progress');
  open();
  await Promise.all(puts);
  await stopped;
  assert.deepEqual([plane.commits.length, plane.kernel.published.size], [3, 3]);
});

test('a container whose rules cannot be compiled is refused, and no image is held for others of the same call', async () => {
  const plane = new InMemoryControlPlane();
  await apply(plane, manifest('one'));
  const { createImage } = plane.kernel;
  const failure = new Error('no room');
  plane.kernel.createImage = (image, imageId) => {
    if (imageId > 40) throw failure;
    return createImage.call(plane.kernel, image, imageId);
  };
  await assert.rejects(plane.containers.sync([container(1), container(2, { namespace: 'other' })]), failure);
  assert.deepEqual([plane.containers.list(), plane.kernel.published.size], [[], 0]);
  plane.kernel.createImage = createImage;
  await apply(plane, manifest('two'));
  assert.equal(plane.kernel.images.size, 0);
  await plane.containers.put(container(2, { namespace: 'other' }));
  assert.equal(plane.containers.list().length, 1);
});

test('a container whose rules cannot be compiled after a change of policies is refused', async () => {
  const plane = new InMemoryControlPlane();
  const { store } = plane.ledger;
  const { createImage } = plane.kernel;
  const commit = store.commit.bind(store);
  const failure = new Error('no room');
  let arrival: Promise<unknown> | undefined;
  store.commit = async (changes) => {
    if (arrival === undefined) {
      arrival = plane.containers.put(container(1)).catch((error: unknown) => error);
      await turns();
      plane.kernel.createImage = () => {
        throw failure;
      };
    }
    await commit(changes);
  };
  await apply(plane, manifest('one'));
  assert.equal(await arrival, failure);
  assert.deepEqual([plane.containers.list(), plane.kernel.published.size], [[], 0]);
  plane.kernel.createImage = createImage;
  await plane.containers.put(container(1));
  assert.deepEqual(held(plane, container(1)), ['one']);
});

test('a caller that registers several containers is notified once, when all of them are visible', async () => {
  const plane = new InMemoryControlPlane();
  let heard = 0;
  await plane.ledger.changeContainers({
    put: [container(1), container(2)],
    ids: ['c1', 'c2'],
    onVisible: () => {
      heard++;
      assert.equal(plane.kernel.published.size, 2);
    },
  });
  assert.equal(heard, 1);
});

test('when a container is reported twice concurrently, the links of the first report are kept', async () => {
  const plane = new InMemoryControlPlane();
  const process = { pid: 7, startTicks: 70 };
  const [first, second] = await Promise.all(
    ['/1', '/2'].map((target) => plane.containers.put(container(1, { process, links: { '/a': target } }))),
  );
  assert.deepEqual([first!.result.kind, second!.result.kind], ['added', 'changed']);
  const { links, laterLinks } = plane.containers.get('c1')!;
  assert.deepEqual([links, laterLinks], [{ '/a': '/1' }, { '/a': '/2' }]);
});
