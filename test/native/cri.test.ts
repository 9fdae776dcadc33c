import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { criConnection } from '../../src/sources/cri.js';
import { CriNotServed } from '../../src/sources/cri-client.js';
import { BUSYBOX_IMAGE, Containerd, containerdMissing } from '../support/containerd.js';
import type { Pod } from '../support/cri-runtime.js';
import { type EventsServed, serveRenamed } from '../support/renamed-runtime.js';
import { ReportedContainers } from '../support/reported-containers.js';

const SLEEP = ['/bin/sleep', '100000'];
/** Events are reported within this time; after the second list, periodic lists are further apart. */
const SOON_MILLISECONDS = 10_000;
const SECOND_LIST_MILLISECONDS = 2_000;

/** Follows until `end` or the end of the test; `ended` settles when following ends. */
async function follow(test: TestContext, address: string, name = 'containerd') {
  const reported = new ReportedContainers();
  const abort = new AbortController();
  test.after(() => abort.abort());
  let connected = 0;
  let failed = false;
  const ended = criConnection({ name, address }).follow(reported, () => connected++, abort.signal);
  ended.catch(() => {
    failed = true;
  });
  await reported.until('a first list is reported', () => failed || connected > 0);
  if (failed) await ended;
  assert.match(reported.log[0]!, /^running /);
  return {
    reported,
    ended,
    async end() {
      abort.abort();
      await ended;
    },
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits: the runtime's own process executes the command a moment after the start, and has no command line in between. */
async function assertRuns(pid: number, command: readonly string[]): Promise<void> {
  const read = () => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  for (let tries = 0; tries < 50 && read().join() !== command.join(); tries++) await pause(100);
  assert.deepEqual(read(), command);
}

for (const version of ['1.6', '1.7', '2'] as const) {
  describe(`containerd ${version}`, { skip: containerdMissing(version) ?? false }, () => {
    let containerd: Containerd;
    let pod: Pod;

    before(async () => {
      containerd = await Containerd.start({ version });
      pod = await containerd.runtime.runPod({ name: 'web-1', namespace: 'shop', labels: { app: 'web' } });
    });
    after(() => containerd?.stop());

    test('containers that already run are reported with name, namespace, labels of the pod and process, and sandboxes are not', async (t) => {
      const id = await containerd.runtime.runContainer(pod, { name: 'first', image: BUSYBOX_IMAGE, command: SLEEP });
      const { reported, end } = await follow(t, containerd.address);
      assert.deepEqual([...reported.now.keys()], [id]);
      const { description, pid } = reported.now.get(id)!;
      const { 'io.kubernetes.pod.uid': uid, ...labels } = description.labels;
      assert.match(uid!, /^[0-9a-f-]{36}$/);
      assert.deepEqual(labels, {
        app: 'web',
        'io.kubernetes.pod.name': 'web-1',
        'io.kubernetes.pod.namespace': 'shop',
        'io.kubernetes.container.name': 'first',
        'hauberk.io/container.name': 'first',
        'kubearmor.io/container.name': 'first',
      });
      assert.deepEqual([description.name, description.namespace, description.origin], ['first', 'shop', 'cri']);
      assert.equal(description.image, BUSYBOX_IMAGE);
      await assertRuns(pid, SLEEP);
      await containerd.runtime.removeContainer(id);
      await end();
    });

    test('starts and ends are reported soon; the end of an exec and containers that are not started are not reported', async (t) => {
      const { reported, end } = await follow(t, containerd.address);
      await pause(SECOND_LIST_MILLISECONDS);
      const id = await containerd.runtime.createContainer(pod, {
        name: 'second',
        image: BUSYBOX_IMAGE,
        command: SLEEP,
      });
      await pause(500);
      assert.deepEqual(reported.log, ['running 0']);
      await containerd.runtime.startContainer(id);
      await reported.until('its start is reported', () => reported.now.has(id), SOON_MILLISECONDS);
      await assertRuns(reported.now.get(id)!.pid, SLEEP);
      containerd.ctr('tasks', 'exec', '--exec-id', 'e1', id, '/bin/true');
      await pause(500);
      assert.ok(reported.now.has(id));
      await containerd.runtime.stopContainer(id);
      await reported.until('its end is reported', () => !reported.now.has(id), SOON_MILLISECONDS);
      assert.deepEqual(reported.log, ['running 0', `started ${id}`, `ended ${id}`]);
      await containerd.runtime.removeContainer(id);
      await end();
    });

    test('of many containers that start at once and end at once, each is reported', async (t) => {
      const { reported, end } = await follow(t, containerd.address);
      const names = Array.from({ length: 20 }, (_, number) => `many-${number}`);
      const options = { image: BUSYBOX_IMAGE, command: SLEEP };
      const ids = await Promise.all(names.map((name) => containerd.runtime.runContainer(pod, { name, ...options })));
      await reported.until('all are reported', () => ids.every((id) => reported.now.has(id)));
      assert.deepEqual([...reported.now.values()].map(({ description }) => description.name).sort(), [...names].sort());
      assert.equal(new Set([...reported.now.values()].map(({ pid }) => pid)).size, names.length);
      for (const { pid } of reported.now.values()) await assertRuns(pid, SLEEP);
      await Promise.all(ids.map((id) => containerd.runtime.removeContainer(id)));
      await reported.until('all ends are reported', () => reported.now.size === 0);
      await end();
    });

    test('following fails with the cause when containerd ends, and then begins with the containers that kept running', async (t) => {
      const id = await containerd.runtime.runContainer(pod, { name: 'third', image: BUSYBOX_IMAGE, command: SLEEP });
      const first = await follow(t, containerd.address);
      await containerd.interrupt();
      await assert.rejects(first.ended, /UNAVAILABLE/);
      await assert.rejects(follow(t, containerd.address), /UNAVAILABLE/);
      await containerd.startAgain();
      const second = await follow(t, containerd.address);
      assert.deepEqual(second.reported.now, first.reported.now);
      assert.deepEqual([...second.reported.now.keys()], [id]);
      await containerd.runtime.removeContainer(id);
      await second.reported.until('its end is reported', () => second.reported.now.size === 0);
      await second.end();
    });

    test('the labels of an image do not count as those of a container', async (t) => {
      const labels = { 'hauberk.io/container.name': 'other', 'io.kubernetes.pod.namespace': 'kube-system' };
      const image = 'hauberk.test/named:1';
      containerd.importImage(join(containerd.directory, 'image'), image, { labels });
      const id = await containerd.runtime.runContainer(pod, { name: 'fourth', image, command: SLEEP });
      const { reported, end } = await follow(t, containerd.address);
      const { description } = reported.now.get(id)!;
      assert.deepEqual([description.name, description.namespace], ['fourth', 'shop']);
      assert.equal(description.labels['hauberk.io/container.name'], 'fourth');
      assert.equal(description.labels['io.kubernetes.pod.namespace'], 'shop');
      await containerd.runtime.removeContainer(id);
      await end();
    });

    // CRI-O is not available here. Under its name containerd's CRI is not asked for events by containerd's own API.
    const served: EventsServed[] = version === '1.6' ? ['ended', 'unimplemented'] : ['sent', 'ended'];
    for (const events of served) {
      test(`a runtime whose CRI events are ${events} is followed as well`, async (t) => {
        const address = join(containerd.directory, `renamed-${events}.sock`);
        t.after(await serveRenamed(address, { name: 'cri-o', events, runtime: containerd.address }));
        const { reported, end } = await follow(t, address, 'cri-o');
        await pause(SECOND_LIST_MILLISECONDS);
        const id = await containerd.runtime.runContainer(pod, { name: events, image: BUSYBOX_IMAGE, command: SLEEP });
        await reported.until('its start is reported', () => reported.now.has(id), SOON_MILLISECONDS);
        await assertRuns(reported.now.get(id)!.pid, SLEEP);
        await containerd.runtime.removeContainer(id);
        await reported.until('its end is reported', () => !reported.now.has(id), SOON_MILLISECONDS);
        await end();
      });
    }
  });
}

describe('containerd 1.6 with incomplete reports', { skip: containerdMissing('1.6') ?? false }, () => {
  let containerd: Containerd;
  before(async () => {
    containerd = await Containerd.start({ version: '1.6' });
  });
  after(() => containerd?.stop());

  test('when the process of one container is not reported, the others are, none is reported as ended, and following fails', async (t) => {
    const pod = await containerd.runtime.runPod();
    const run = (name: string) => containerd.runtime.runContainer(pod, { name, image: BUSYBOX_IMAGE, command: SLEEP });
    const [hidden, ...others] = [await run('a'), await run('b'), await run('c')];
    const address = join(containerd.directory, 'hiding.sock');
    const stop = await serveRenamed(address, {
      name: 'cri-o',
      events: 'ended',
      runtime: containerd.address,
      withoutProcess: hidden!,
    });
    t.after(stop);
    const reported = new ReportedContainers();
    const abort = new AbortController();
    t.after(() => abort.abort());
    const ended = criConnection({ name: 'cri-o', address }).follow(reported, () => assert.fail(), abort.signal);
    await assert.rejects(ended, new RegExp(`process of container ${hidden}`));
    assert.deepEqual(reported.log.sort(), others.map((id) => `started ${id}`).sort());
  });
});

test('a containerd without CRI is distinguished from one that fails', {
  skip: containerdMissing('1.6') ?? false,
}, async (t) => {
  const containerd = await Containerd.start({ version: '1.6', withoutCri: true });
  try {
    await assert.rejects(follow(t, containerd.address), CriNotServed);
  } finally {
    await containerd.stop();
  }
});
