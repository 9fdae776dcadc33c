import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Publisher } from '../../../src/control/publisher.js';
import { Failure } from '../../../src/failure.js';
import type { PublishedContainer } from '../../../src/kernel/enforcer.js';

const entry = (inode: number): PublishedContainer => ({
  container: { pidNamespace: inode, mountNamespace: inode + 1 },
  image: { imageId: inode },
});
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A kernel that records publications, which take as long as a test wants. */
class SlowKernel {
  readonly requested: string[] = [];
  failure: Error | undefined;
  readonly #waiting: (() => void)[] = [];

  async publish(entries: readonly PublishedContainer[]): Promise<void> {
    this.requested.push(`publish ${entries.map(({ container }) => container.pidNamespace)}`);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.failure !== undefined) throw this.failure;
  }

  async markTasksInside(): Promise<number> {
    this.requested.push('mark');
    return 0;
  }

  async removeContainers(containers: readonly { pidNamespace: number }[]): Promise<void> {
    this.requested.push(`remove ${containers.map(({ pidNamespace }) => pidNamespace)}`);
  }

  async goOn(): Promise<void> {
    await turn();
    this.#waiting.shift()?.();
    await turn();
  }
}

test('changes of one container are made one after the other, those of different containers concurrently', async () => {
  const kernel = new SlowKernel();
  const publisher = new Publisher(kernel);
  const first = publisher.publish({ entries: [entry(10)], removed: [] });
  const second = publisher.publish({ entries: [], removed: [entry(10).container] });
  const other = publisher.publish({ entries: [entry(20)], removed: [] });
  await turn();
  assert.deepEqual(kernel.requested, ['publish 10', 'publish 20']);
  assert.deepEqual([publisher.isUnderWay('10:11'), publisher.isUnderWay('30:31')], [true, false]);
  await kernel.goOn();
  await Promise.all([first, second]);
  assert.deepEqual(kernel.requested, ['publish 10', 'publish 20', 'mark', 'remove 10']);
  await kernel.goOn();
  await other;
  await turn();
  assert.deepEqual([publisher.isUnderWay('10:11'), publisher.isUnderWay('20:21')], [false, false]);
  assert.equal(publisher.problem, undefined);
});

test('an empty change does not reach the kernel, and required work is done before a publication', async () => {
  const kernel = new SlowKernel();
  const publisher = new Publisher(kernel);
  await publisher.publish({ entries: [], removed: [] }, undefined, async () => assert.fail('prepared'));
  assert.deepEqual(kernel.requested, []);
  const published = publisher.publish({ entries: [entry(10)], removed: [] }, undefined, async () => {
    kernel.requested.push('prepare');
  });
  await kernel.goOn();
  await published;
  assert.deepEqual(kernel.requested, ['prepare', 'publish 10', 'mark']);
});

test('after a refusal the state of the kernel is unknown, until the same is published successfully', async () => {
  const kernel = new SlowKernel();
  const publisher = new Publisher(kernel);
  kernel.failure = new Error('no memory');
  const refused = publisher.publish({ entries: [entry(10)], removed: [] });
  const rejection = assert.rejects(refused, (thrown: Failure) => {
    assert.deepEqual([thrown.code, thrown.cause], ['internal', kernel.failure]);
    return true;
  });
  await kernel.goOn();
  await rejection;
  const problem = 'the kernel did not take the last change: no memory';
  assert.deepEqual([publisher.problem, [...publisher.unsettled]], [problem, ['10:11']]);
  assert.equal(publisher.isUnderWay('10:11'), true);
  await assert.rejects(publisher.settled('10:11'), new Failure('internal', problem));
  await publisher.settled('20:21');
  kernel.failure = undefined;
  // The success for another container does not count.
  const other = publisher.publish({ entries: [entry(20)], removed: [] });
  await kernel.goOn();
  await other;
  assert.equal(publisher.problem, problem);
  const again = publisher.publish({ entries: [entry(10)], removed: [] });
  await kernel.goOn();
  await again;
  assert.deepEqual([publisher.problem, [...publisher.unsettled]], [undefined, []]);
  await publisher.settled('10:11');
});

test('a Failure is reported unchanged', () => {
  const publisher = new Publisher(new SlowKernel());
  const failure = new Failure('resource-exhausted', 'too many');
  assert.equal(publisher.doubt(['10:11'], failure), failure);
  assert.deepEqual([...publisher.unsettled], []);
});
