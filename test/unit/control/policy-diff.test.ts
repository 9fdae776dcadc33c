import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeObject } from '../../../src/image/describe-object.js';
import { Judge } from '../../../src/profile/judge.js';
import type { ObservedAccess } from '../../../src/profile/observed-access.js';
import { recordOf } from '../../support/event-record.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { remember } from '../../support/remember.js';
import { manifest } from '../rpc/support.js';

const caller = { identity: 'test', disconnected: new AbortController().signal };

const seen = (path: string, count: number, changes: Partial<ObservedAccess> = {}): ObservedAccess => ({
  class: 'file',
  operations: ['read'],
  object: { kind: 'path', path },
  program: '/bin/cat',
  fromOutside: false,
  ownership: 'owner',
  terminal: false,
  count,
  ...changes,
});

async function planeWith(t: { after(end: () => Promise<void>): void }) {
  const plane = new InMemoryControlPlane();
  t.after(() => plane.policies.dryRuns.close());
  await plane.recordings.resume({ profiled: [], accesses: [] });
  for (const [index, app] of ['web', 'other'].entries()) {
    const description = { id: app, name: app, namespace: 'default', labels: { app }, origin: 'registered' } as const;
    await plane.tracker.register(description, { pidNamespace: 11 + index, mountNamespace: 12 + index });
  }
  const diff = async (texts: readonly string[], deleted: readonly string[] = []) => {
    const inputs = texts.flatMap((text) => plane.policies.readManifest(text));
    const gone = deleted.map((name) => ({ namespace: 'default', name }));
    return plane.judge(await plane.policies.preview(inputs, gone, false, caller));
  };
  return { plane, diff };
}

test('observed accesses that would be decided differently are listed, refused ones first, then by count', async (t) => {
  const { plane, diff } = await planeWith(t);
  const { policies, memory } = plane;
  await policies.apply(policies.readManifest(manifest('old', '/etc/allowed')));
  for (const [path, count] of Object.entries({ '/etc/allowed': 99, '/etc/a': 3, '/etc/b': 7, '/etc/same': 50 }))
    remember(memory, 'web', seen(path, count));
  remember(memory, 'other', seen('/etc/a', 1));
  remember(memory, 'gone', seen('/etc/a', 1));
  const { changes, judged, undecided } = await diff([manifest('a', '/etc/a'), manifest('b', '/etc/b')], ['old']);
  assert.deepEqual(
    changes.map(({ container, access, before, after, rule }) => [
      container.id,
      describeObject(access.object),
      access.count,
      before,
      after,
      rule?.policy,
    ]),
    [
      ['web', '/etc/b', 7, 'Allow', 'Block', 'b'],
      ['web', '/etc/a', 3, 'Allow', 'Block', 'a'],
      ['web', '/etc/allowed', 99, 'Block', 'Allow', 'old'],
    ],
  );
  assert.deepEqual([judged, undecided], [4, 0]);
});

test('accesses that a profile has learnt are included with those that were reported', async (t) => {
  const { plane, diff } = await planeWith(t);
  await plane.profiles.start('p', { kind: 'container', id: 'web' }, 1);
  const namespaces = { pidNamespace: 11, mountNamespace: 12 };
  plane.counts.add({ container: namespaces, access: 7n }, 4);
  plane.recordings.observe(recordOf({ ...namespaces, access: 7n, object: '/etc/a' }));
  const counts = async () => (await diff([manifest('a', '/etc/a')])).changes.map(({ access }) => access.count);
  assert.deepEqual(await counts(), [4]);
  remember(plane.memory, 'web', seen('/etc/a', 3));
  const learnt = plane.recordings.accessesOf(new Set(['web'])).get('web')!;
  assert.equal(learnt.length, 1);
  const total = (await counts()).reduce((sum, each) => sum + each, 0);
  assert.equal(total, 7);
});

test('accesses that were never observed, or would be decided as before, are not listed', async (t) => {
  const { plane, diff } = await planeWith(t);
  assert.deepEqual(await diff([manifest('a', '/etc/a')]), { changes: [], judged: 0, undecided: 0 });
  remember(plane.memory, 'web', seen('/etc/other', 1));
  assert.deepEqual(await diff([manifest('a', '/etc/a')]), { changes: [], judged: 1, undecided: 0 });
  await plane.policies.apply(plane.policies.readManifest(manifest('a', '/etc/a')));
  const same = await diff([manifest('a', '/etc/a')]);
  assert.deepEqual([same.changes, same.judged], [[], 0]);
});

test('decisions that depend on arguments, before or after the change, are not compared', async (t) => {
  const { plane, diff } = await planeWith(t);
  remember(plane.memory, 'web', seen('/etc/a', 1));
  for (const which of [0, 1]) {
    let calls = 0;
    const judge = t.mock.method(Judge.prototype, 'judge', () => ({
      action: calls === 0 ? ('Allow' as const) : ('Block' as const),
      decider: undefined,
      byArguments: calls++ === which,
    }));
    const { changes, judged, undecided } = await diff([manifest('a', '/etc/a')]);
    assert.deepEqual([changes, judged, undecided], [[], 1, 1]);
    judge.mock.restore();
  }
});

test('a policy that does not exist cannot be deleted', async (t) => {
  const { diff } = await planeWith(t);
  await assert.rejects(diff([], ['none']), { code: 'not-found', message: 'no policy default/none' });
});
