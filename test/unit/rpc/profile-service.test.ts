import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Action, type DiffRequest, type Scope } from '../../../src/generated/hauberk/v1/policy.js';
import {
  ProfileServiceClient,
  type StartProfileRequest,
  type SuggestPolicyRequest,
} from '../../../src/generated/hauberk/v1/profile.js';
import type { CountedAccess } from '../../../src/kernel/accesses.js';
import type { ObservedAccess } from '../../../src/profile/observed-access.js';
import { recordOf } from '../../support/event-record.js';
import { remember } from '../../support/remember.js';
import { answerOf, connect, manifest, policyClient, refusal, serveAll } from './support.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };
const web = { id: 'c1', name: 'web-1', namespace: 'default', labels: { app: 'web' }, origin: 'registered' } as const;

async function start(t: TestContext) {
  const { server, plane } = await serveAll(t);
  const client = connect(t, ProfileServiceClient, server);
  await plane.recordings.resume({ profiled: [], accesses: [] });
  await plane.tracker.register(web, NAMESPACES);
  return {
    plane,
    server,
    startProfile: (request: Partial<StartProfileRequest>) =>
      answerOf(client, (c) => c.startProfile, { name: '', subject: undefined, ...request }),
    stop: (name: string) => answerOf(client, (c) => c.stopProfile, { name }),
    remove: (name: string) => answerOf(client, (c) => c.deleteProfile, { name }),
    get: (name: string) => answerOf(client, (c) => c.getProfile, { name }),
    list: () => answerOf(client, (c) => c.listProfiles, {}),
    suggest: (request: Partial<SuggestPolicyRequest>) =>
      answerOf(client, (c) => c.suggestPolicy, {
        name: 'p',
        policyName: '',
        policyNamespace: '',
        matchLabels: {},
        ...request,
      }),
    /** Counts and reports an access, as the kernel does. */
    make: (access: bigint, object: string, count = 1) => {
      const counted: CountedAccess = { container: NAMESPACES, access };
      plane.counts.add(counted, count);
      plane.recordings.observe(recordOf({ ...NAMESPACES, access, object }));
    },
  };
}

const ofContainer = { $case: 'containerId', value: 'c1' } as const;
const ofWeb = { $case: 'selector', value: { namespace: '', matchLabels: { app: 'web' } } } as const;

describe('ProfileService', () => {
  test('returns the accesses with their counts, and the profile', async (t) => {
    const { startProfile, stop, get, list, make } = await start(t);
    const { profile } = await startProfile({ name: 'p', subject: ofWeb });
    assert.deepEqual(profile!.subject, {
      $case: 'selector',
      value: { namespace: 'default', matchLabels: { app: 'web' } },
    });
    assert.equal(profile!.stopped, undefined);
    make(1n, '/etc/passwd', 2);
    make(2n, '/etc/hosts', 9);
    const { containers, omitted } = await get('p');
    assert.deepEqual(
      containers.map(({ id, accesses }) => [id, accesses.map(({ object, count }) => [object, count])]),
      [
        [
          'c1',
          [
            ['/etc/passwd', 2n],
            ['/etc/hosts', 9n],
          ],
        ],
      ],
    );
    assert.equal(omitted, 0n);
    assert.notEqual((await stop('p')).profile!.stopped, undefined);
    assert.deepEqual((await stop('p')).profile, (await list()).profiles[0]);
  });

  test('suggests a policy that allows exactly these accesses, with the evidence', async (t) => {
    const { startProfile, suggest, make } = await start(t);
    await startProfile({ name: 'p', subject: ofContainer });
    make(1n, '/etc/passwd', 2);
    const { policy, manifest: text, evidence } = await suggest({});
    assert.deepEqual([policy!.name, policy!.namespace], ['p', 'default']);
    assert.deepEqual(policy!.selector!.matchLabels, { app: 'web' });
    const [rule] = policy!.rules.filter(({ match }) => match?.value === '/etc/passwd');
    assert.equal(rule!.readOnly, true);
    assert.deepEqual(
      evidence.find((each) => each.rule === rule!.id),
      { rule: rule!.id, accesses: 1n, count: 2n, examples: ['/etc/passwd'] },
    );
    assert.match(text, /# seen 2 times: \/etc\/passwd/);
    const other = await suggest({ policyName: 'q', policyNamespace: 'n', matchLabels: { tier: 'front' } });
    assert.deepEqual([other.policy!.name, other.policy!.namespace], ['q', 'n']);
    assert.deepEqual(other.policy!.selector!.matchLabels, { tier: 'front' });
  });

  test('names invalid fields of a request, and starts nothing', async (t) => {
    const { startProfile, suggest, list } = await start(t);
    assert.deepEqual((await refusal(startProfile({}))).violations, [
      ['name', 'must not be empty'],
      ['subject', 'one of container_id and selector must be set'],
    ]);
    const subject = { $case: 'selector', value: { namespace: 'Not A Name', matchLabels: {} } } as const;
    const { code, violations } = await refusal(startProfile({ name: 'Ab', subject }));
    assert.equal(code, 'INVALID_ARGUMENT');
    assert.deepEqual(
      violations.map(([field]) => field),
      ['name', 'selector.namespace', 'selector.match_labels'],
    );
    assert.deepEqual((await list()).profiles, []);
    assert.deepEqual(
      (await refusal(suggest({ name: '', policyName: '-' }))).violations.map(([field]) => field),
      ['name', 'policy_name'],
    );
  });

  test('refuses unknown profiles and containers, and a name that is in use', async (t) => {
    const { startProfile, stop, get, remove, suggest } = await start(t);
    for (const call of [stop('p'), get('p'), remove('p'), suggest({})]) {
      assert.equal((await refusal(call)).code, 'NOT_FOUND');
    }
    const nobody = { $case: 'containerId', value: 'c9' } as const;
    assert.equal((await refusal(startProfile({ name: 'p', subject: nobody }))).code, 'NOT_FOUND');
    await startProfile({ name: 'p', subject: ofContainer });
    assert.equal((await refusal(startProfile({ name: 'p', subject: ofWeb }))).code, 'FAILED_PRECONDITION');
    await remove('p');
    await startProfile({ name: 'p', subject: ofWeb });
  });
});

describe('Diff', () => {
  const seen = (path: string, count: number): ObservedAccess => ({
    ...{ class: 'file', operations: ['read'], object: { kind: 'path', path }, program: '/bin/cat', fromOutside: false },
    ...{ ownership: 'owner', terminal: false, count },
  });
  const none = { source: undefined, deleted: [], force: false };

  async function startDiff(t: TestContext) {
    const started = await start(t);
    const client = policyClient(t, started.server);
    return {
      ...started,
      apply: (value: string) =>
        answerOf(client, (c) => c.applyPolicy, {
          source: { $case: 'manifest', value },
          expectedVersions: {},
          force: false,
        }),
      diff: (request: Partial<DiffRequest>) => answerOf(client, (c) => c.diff, { ...none, ...request }),
    };
  }

  test('returns the observed accesses that would be refused, with the rule', async (t) => {
    const { plane, diff } = await startDiff(t);
    remember(plane.memory, 'c1', seen('/etc/shadow', 3));
    remember(plane.memory, 'c1', seen('/etc/hosts', 9));
    remember(plane.memory, 'c2', seen('/etc/shadow', 1));
    const { changes, decisions, judged } = await diff({ source: { $case: 'manifest', value: manifest('block') } });
    assert.deepEqual(
      changes.map(({ name }) => name),
      ['block'],
    );
    assert.equal(judged, 2n);
    assert.deepEqual(
      decisions.map(({ containerId, object, before, after, policy, rule, count }) => [
        ...[containerId, object, before, after, policy, rule, count],
      ]),
      [['c1', '/etc/shadow', Action.ALLOW, Action.BLOCK, 'block', 'file.matchPaths[0]', 3n]],
    );
    assert.deepEqual(plane.policies.list(), []);
  });

  test('returns what the deletion of a policy would allow, including accesses that a profile has learnt', async (t) => {
    const { diff, apply, startProfile, make } = await startDiff(t);
    await apply(manifest('block'));
    await startProfile({ name: 'p', subject: ofContainer });
    make(1n, '/etc/shadow');
    const { decisions } = await diff({ deleted: [{ name: 'block', namespace: '', scope: 0 }] });
    assert.deepEqual(
      decisions.map(({ object, before, after, policy }) => [object, before, after, policy]),
      [['/etc/shadow', Action.BLOCK, Action.ALLOW, 'block']],
    );
  });

  test('refuses what ApplyPolicy and DeletePolicy would refuse', async (t) => {
    const { diff } = await startDiff(t);
    assert.deepEqual((await refusal(diff({}))).violations, [['source', 'one of manifest and policy must be set']]);
    const missing = { name: 'x', namespace: '', scope: 0 };
    assert.equal((await refusal(diff({ deleted: [missing] }))).code, 'NOT_FOUND');
    const bad = await refusal(diff({ deleted: [{ ...missing, name: '', scope: 9 as Scope }] }));
    assert.deepEqual(
      bad.violations.map(([field]) => field),
      ['deleted[0].name', 'deleted[0].scope'],
    );
  });
});
