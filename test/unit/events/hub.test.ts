import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SecurityEvent } from '../../../src/events/event.js';
import { EventHub } from '../../../src/events/hub.js';
import { makeEvent } from './support.js';

const everything = () => true;
const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => makeEvent({ pid: from + index }));
const pids = (events: readonly SecurityEvent[]) => events.map(({ pid }) => pid);

function subscribe(hub: EventHub, capacity?: number, accepts: (event: SecurityEvent) => boolean = everything) {
  let wakeUps = 0;
  const onWaiting = () => {
    wakeUps++;
  };
  const subscription = hub.subscribe(accepts, { onWaiting, ...(capacity !== undefined && { capacity }) });
  return { subscription, wakeUps: () => wakeUps };
}

describe('the event hub', () => {
  test('gives every subscriber the events it accepts, in order', () => {
    const hub = new EventHub();
    const all = subscribe(hub).subscription;
    const even = subscribe(hub, 8, ({ pid }) => pid % 2 === 0).subscription;
    hub.publish(numbered(1, 3));
    hub.publish(numbered(4, 5));
    assert.deepEqual(pids(all.take(100).events), [1, 2, 3, 4, 5]);
    assert.deepEqual(pids(even.take(100).events), [2, 4]);
  });

  test('hands out no more than is requested and keeps the rest', () => {
    const hub = new EventHub();
    const { subscription } = subscribe(hub);
    hub.publish(numbered(1, 5));
    assert.deepEqual(pids(subscription.take(2).events), [1, 2]);
    assert.equal(subscription.waiting, 3);
    assert.deepEqual(pids(subscription.take(2).events), [3, 4]);
    assert.deepEqual(pids(subscription.take(2).events), [5]);
    assert.deepEqual(subscription.take(2), { events: [], missed: 0, position: hub.position });
  });

  test('drops the oldest events of a full queue and counts them once', () => {
    const hub = new EventHub();
    const slow = subscribe(hub, 4).subscription;
    const roomy = subscribe(hub, 100).subscription;
    hub.publish(numbered(1, 3));
    hub.publish(numbered(4, 10));
    const { events, missed } = slow.take(3);
    assert.deepEqual([pids(events), missed], [[7, 8, 9], 6]);
    assert.deepEqual(slow.take(3), { events: numbered(10, 10), missed: 0, position: hub.position });
    assert.equal(roomy.take(100).missed, 0);
  });

  test('keeps the order through many turns of the ring', () => {
    const hub = new EventHub();
    const { subscription } = subscribe(hub, 5);
    const seen: number[] = [];
    for (let pid = 1; pid < 200; pid += 3) {
      hub.publish(numbered(pid, pid + 2));
      seen.push(...pids(subscription.take(3).events));
    }
    assert.deepEqual(seen, pids(numbered(1, seen.length)));
    assert.equal(seen.length, 201);
  });

  test('wakes a subscriber when its queue becomes non-empty, not at every event', () => {
    const hub = new EventHub();
    const { subscription, wakeUps } = subscribe(hub, 8, ({ pid }) => pid > 1);
    hub.publish(numbered(1, 1));
    assert.equal(wakeUps(), 0);
    hub.publish(numbered(2, 3));
    hub.publish(numbered(4, 5));
    assert.equal(wakeUps(), 1);
    subscription.take(2);
    hub.publish(numbered(6, 6));
    assert.equal(wakeUps(), 1);
    subscription.take(100);
    hub.publish(numbered(7, 7));
    assert.equal(wakeUps(), 2);
  });

  test('delivers nothing to a closed subscription', () => {
    const hub = new EventHub();
    const { subscription, wakeUps } = subscribe(hub);
    subscription.close();
    subscription.close();
    hub.publish(numbered(1, 2));
    assert.equal(subscription.waiting, 0);
    assert.equal(wakeUps(), 0);
  });

  test('continues when a subscriber closes while it is woken', () => {
    const hub = new EventHub();
    const first = hub.subscribe(everything, { onWaiting: () => first.close() });
    const second = subscribe(hub).subscription;
    hub.publish(numbered(1, 1));
    assert.equal(second.waiting, 1);
  });

  test('counts what was published, delivered and missed, and who subscribes', () => {
    const hub = new EventHub();
    const slow = subscribe(hub, 2).subscription;
    const { subscription } = subscribe(hub);
    hub.publish(numbered(1, 5));
    slow.take(10);
    subscription.take(3);
    assert.deepEqual(hub.counts(), { published: 5, delivered: 5, missed: 3, subscribers: 2 });
    slow.close();
    assert.deepEqual(hub.counts(), { published: 5, delivered: 5, missed: 3, subscribers: 1 });
  });

  test('counts what a reader drops that has the archive only once it is gone there', () => {
    const hub = new EventHub();
    const subscription = hub.subscribe(everything, { capacity: 2, hasArchive: true, onWaiting: () => undefined });
    hub.publish(numbered(1, 5));
    assert.deepEqual([subscription.missed, hub.counts().missed], [3, 0]);
    hub.countGone(2);
    assert.equal(hub.counts().missed, 2);
  });

  test('lets a subscriber lag 8192 events behind by default', () => {
    const hub = new EventHub();
    const { subscription } = subscribe(hub);
    hub.publish(numbered(1, 8193));
    assert.deepEqual([subscription.waiting, subscription.take(1).missed], [8192, 1]);
  });

  test('reports the position of a subscription, from which another can continue', () => {
    const hub = new EventHub();
    const { subscription } = subscribe(hub, 8, ({ pid }) => pid % 2 === 0);
    hub.publish(numbered(1, 7));
    const first = subscription.take(2);
    assert.deepEqual([pids(first.events), first.position.sequence], [[2, 4], 4]);
    hub.publish(numbered(8, 9));
    const resumed = hub.subscribe(everything, { resumeAfter: first.position, onWaiting: () => undefined });
    hub.publish(numbered(10, 10));
    const { events, missed, position } = resumed.take(100);
    assert.deepEqual([pids(events), missed, position], [[5, 6, 7, 8, 9, 10], 0, hub.position]);
  });

  test('counts events that are no longer available as missed, and does not resume a position of another run', () => {
    const hub = new EventHub(4);
    hub.publish(numbered(1, 10));
    const resume = (resumeAfter: { run: string; sequence: number }) =>
      hub.subscribe(everything, { resumeAfter, onWaiting: () => undefined }).take(100);
    const late = resume({ run: hub.run, sequence: 3 });
    assert.deepEqual([pids(late.events), late.missed], [[7, 8, 9, 10], 3]);
    const foreign = resume({ run: 'another', sequence: 3 });
    assert.deepEqual([foreign.events, foreign.missed, foreign.position], [[], 0, hub.position]);
    assert.deepEqual(resume({ run: hub.run, sequence: 99 }).events, []);
  });
});
