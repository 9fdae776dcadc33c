import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  GRACE_MILLISECONDS,
  RENEWAL_MILLISECONDS,
  ReportsOfNodes,
  SILENT_MILLISECONDS,
} from '../../../src/kubernetes/reports-of-nodes.js';

/** The leader, whose clock the test advances, and nodes that have reported. */
function start() {
  const time = { passed: 0, date: Date.parse('2030-01-01T00:00:00Z') };
  const reports = new ReportsOfNodes({ now: () => time.passed, date: () => time.date + time.passed });
  const objects = new Map<string, { metadata: { name: string }; data: { report: string; renewed?: string } }>();
  /** A report of a node, with its claimed age. */
  const say = (node: string, age: number | undefined, count = 1) => {
    const report = JSON.stringify({ node, enforcing: true, reason: '', policies: { 'x/one': [count, 0] } });
    const renewed = age === undefined ? {} : { renewed: new Date(time.date + time.passed - age).toISOString() };
    objects.set(node, { metadata: { name: `node-${node}` }, data: { report, ...renewed } });
  };
  const take = () => reports.take([...objects.values()]);
  const silent = () => reports.reports.flatMap(({ report, isSilent }) => (isSilent ? [report.node] : []));
  return { time, objects, say, take, silent, reports };
}

test('a node that stops renewing its report becomes silent after a while, until it renews it again', async () => {
  const { time, say, take, silent } = start();
  say('alive', 0);
  say('dead', 0);
  assert.equal(await take(), true);
  for (let round = 0; round < 3; round++) {
    time.passed += RENEWAL_MILLISECONDS;
    say('alive', 0);
    assert.equal(await take(), false, 'a mere renewal changes no totals');
  }
  time.passed += 1000;
  assert.equal(await take(), true);
  assert.deepEqual(silent(), ['dead']);
  assert.equal(await take(), false);
  say('dead', 0);
  assert.equal(await take(), true);
  assert.deepEqual(silent(), []);
});

test('a new leader knows by the time in a report that its node is silent, once it had time to renew it', async () => {
  const { time, say, take, silent } = start();
  say('dead', 4 * SILENT_MILLISECONDS);
  say('alive', RENEWAL_MILLISECONDS);
  say('cut-off', 4 * SILENT_MILLISECONDS);
  await take();
  assert.deepEqual(silent(), [], 'the API server may have been away for an hour');
  time.passed += GRACE_MILLISECONDS + 1;
  say('cut-off', 0);
  await take();
  assert.deepEqual(silent(), ['dead']);
});

test('a node with a wrong clock counts once it has renewed its report, and is silent when it stops', async () => {
  const { time, say, take, silent } = start();
  const [behind, ahead] = [4 * SILENT_MILLISECONDS, -4 * SILENT_MILLISECONDS];
  say('behind', behind);
  say('ahead', ahead);
  await take();
  time.passed += RENEWAL_MILLISECONDS;
  say('behind', behind);
  say('ahead', ahead);
  await take();
  assert.deepEqual(silent(), []);
  time.passed += SILENT_MILLISECONDS + 1;
  await take();
  assert.deepEqual(silent(), ['behind', 'ahead']);
});

test('a report of a daemon that does not renew reports still counts, and a changed one is noticed', async () => {
  const { time, say, take, silent, objects, reports } = start();
  say('older', undefined);
  await take();
  time.passed += 10 * SILENT_MILLISECONDS;
  assert.deepEqual([await take(), silent()], [false, []]);
  say('older', undefined, 2);
  assert.equal(await take(), true);
  assert.deepEqual(reports.reports[0]!.report.policies, { 'x/one': [2, 0] });
  objects.clear();
  assert.deepEqual([await take(), reports.reports], [true, []]);
});
