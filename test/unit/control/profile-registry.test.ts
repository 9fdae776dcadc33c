import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SuggestionJob } from '../../../src/control/dry-run-job.js';
import type { SuggestionHead } from '../../../src/control/profile-registry.js';
import type { Failure } from '../../../src/failure.js';
import { describeObject } from '../../../src/image/describe-object.js';
import type { ProfileSubject } from '../../../src/profile/profile.js';
import { recordOf } from '../../support/event-record.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };
const ofWeb: ProfileSubject = { kind: 'selector', namespace: 'shop', matchLabels: { app: 'web' } };
const ofContainer: ProfileSubject = { kind: 'container', id: 'c1' };
const caller = { identity: 'test', disconnected: new AbortController().signal };

async function planeWith(labels: Record<string, string> = { app: 'web', tier: 'front' }) {
  const plane = new InMemoryControlPlane();
  await plane.recordings.resume({ profiled: [], accesses: [] });
  const description = { id: 'c1', name: 'c1', namespace: 'shop', labels, origin: 'registered' } as const;
  await plane.tracker.register(description, NAMESPACES);
  const jobs: SuggestionJob[] = [];
  const dryRuns = { suggest: async (job: SuggestionJob) => jobs.push(job) as never };
  const suggest = async (head: SuggestionHead = {}) => {
    await plane.profiles.suggest('p', head, dryRuns, caller);
    return jobs.at(-1)!;
  };
  return { ...plane, plane, suggest };
}

const isNone = { code: 'not-found', message: 'no profile p' };

test('a profile is started only once by its name, and only for an existing container', async () => {
  const { profiles, plane } = await planeWith();
  const { result } = await profiles.start('p', ofWeb, 5);
  assert.deepEqual(result, { name: 'p', subject: ofWeb, started: 5 });
  assert.deepEqual(
    plane.commits.flatMap(({ putProfiles = [] }) => putProfiles),
    [result],
  );
  await assert.rejects(profiles.start('p', ofWeb, 6), {
    code: 'failed-precondition',
    message: 'there is a profile p already',
  });
  await assert.rejects(profiles.start('q', { kind: 'container', id: 'c2' }, 6), {
    code: 'not-found',
    message: 'no container c2',
  });
  await profiles.start('q', ofContainer, 6);
  assert.deepEqual(
    profiles.list().map(({ name }) => name),
    ['p', 'q'],
  );
});

test('a profile that has ended does not change, and an unknown one is not found', async () => {
  const { profiles, plane } = await planeWith();
  await profiles.start('p', ofWeb, 5);
  const { result } = await profiles.stop('p', 7);
  assert.deepEqual(result, { name: 'p', subject: ofWeb, started: 5, stopped: 7 });
  const written = plane.commits.length;
  assert.deepEqual((await profiles.stop('p', 9)).result, result);
  assert.equal(plane.commits.length, written);
  await profiles.delete('p', 9);
  for (const ask of [() => profiles.stop('p', 1), () => profiles.delete('p', 1), () => profiles.get('p')])
    await assert.rejects(ask(), isNone);
});

test('a suggestion has the name and selector of the profile by default', async () => {
  const { profiles, plane, suggest } = await planeWith();
  await profiles.start('p', ofWeb, 1);
  plane.counts.add({ container: NAMESPACES, access: 7n }, 3);
  plane.recordings.observe(recordOf({ ...NAMESPACES, access: 7n, object: '/a' }));
  const { accesses, head } = await suggest();
  assert.deepEqual(
    accesses.map(({ object, count }) => [describeObject(object), count]),
    [['/a', 3]],
  );
  assert.deepEqual(head, { name: 'p', namespace: 'shop', matchLabels: { app: 'web' } });
  const other = { name: 'q', namespace: 'other', matchLabels: { app: 'x' } };
  assert.deepEqual((await suggest(other)).head, other);
});

test('a suggestion for one container selects its labels, which the request must contain if it has none', async () => {
  const { profiles, suggest } = await planeWith();
  await profiles.start('p', ofContainer, 1);
  assert.deepEqual((await suggest()).head, {
    name: 'p',
    namespace: 'shop',
    matchLabels: { app: 'web', tier: 'front' },
  });
  const bare = await planeWith({});
  await bare.profiles.start('p', ofContainer, 1);
  for (const head of [{}, { matchLabels: {} }])
    await assert.rejects(bare.suggest(head), ({ code, problems }: Failure) => {
      assert.equal(code, 'invalid-argument');
      assert.deepEqual(
        problems.map(({ field }) => field),
        ['match_labels'],
      );
      return true;
    });
  assert.deepEqual((await bare.suggest({ matchLabels: { app: 'x' } })).head.matchLabels, { app: 'x' });
});

test('without a learnt container a suggestion is for the default namespace', async () => {
  const { profiles, ledger, plane, suggest } = await planeWith();
  await profiles.start('p', ofContainer, 1);
  await profiles.stop('p', 2);
  plane.recordings.forget('p');
  assert.equal(ledger.desired.profiles.size, 1);
  await assert.rejects(suggest(), { code: 'invalid-argument' });
  assert.equal((await suggest({ matchLabels: { app: 'x' } })).head.namespace, 'default');
});
