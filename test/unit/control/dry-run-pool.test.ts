import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DryRunPool } from '../../../src/control/dry-run-pool.js';
import type { Caller } from '../../../src/control/work-thread.js';
import type { Failure } from '../../../src/failure.js';
import { exact, pattern, rule, ruleSet } from '../image/rule-sets.js';

const POSTURES = { process: 'audit', file: 'block', network: 'audit', capabilities: 'audit' } as const;
const small = { ruleSet: ruleSet([rule(exact('/etc/shadow'))]) };
/** Takes seconds of processor time before it is refused. */
const huge = { ruleSet: ruleSet([rule(pattern(`/**a${'?'.repeat(14)}`)), rule(pattern(`/**b${'?'.repeat(14)}`))]) };

function caller(identity: string, disconnected: AbortSignal = new AbortController().signal): Caller {
  return { identity, disconnected };
}

function poolIn(t: { after(end: () => Promise<void>): void }): DryRunPool {
  const pool = new DryRunPool();
  t.after(() => pool.close());
  return pool;
}

const codeOf = (failure: Failure) => failure.code;

test('a rule set is compiled and its policies are reviewed as in the daemon itself', async (t) => {
  const rules = ruleSet([rule(exact('/etc/shadow')), rule(exact('/etc/shadow'), { action: 'Audit' })]);
  const [policy] = rules.rules.map((bound) => bound.policy);
  const job = { ruleSet: rules, review: { postures: POSTURES, policies: [policy!] } };
  const { image, reviews } = await poolIn(t).dryRun(job, caller('a'));
  assert.ok(image.words.length > 0);
  assert.match(reviews[0]!.shadowed[0]!.sentence, /never decides/);
});

test('a check reviews as well, and sends no image back, which would hold up the event loop', async (t) => {
  const rules = ruleSet([rule(exact('/etc/shadow')), rule(exact('/etc/shadow'), { action: 'Audit' })]);
  const [policy] = rules.rules.map((bound) => bound.policy);
  const job = { ruleSet: rules, review: { postures: POSTURES, policies: [policy!] } };
  const checked = await poolIn(t).check(job, caller('a'));
  assert.deepEqual(Object.keys(checked), ['reviews']);
  assert.match(checked.reviews[0]!.shadowed[0]!.sentence, /never decides/);
});

test('a rule set that cannot be compiled is refused as in the daemon itself, and the event loop continues meanwhile', async (t) => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  t.after(() => clearInterval(timer));
  const pool = poolIn(t);
  await pool.dryRun(small, caller('a'));
  turns = 0;
  assert.equal(await pool.dryRun(huge, caller('a')).catch(codeOf), 'resource-exhausted');
  assert.ok(turns > 50, `${turns} turns`);
});

test('a client with many jobs does not delay another by all of them, and is refused more than its share', async (t) => {
  const pool = poolIn(t);
  const done: string[] = [];
  const greedy = Array.from({ length: 12 }, () =>
    pool.dryRun(small, caller('greedy')).then(
      () => done.push('greedy'),
      (failure: Failure) => failure.code,
    ),
  );
  await pool.dryRun(small, caller('modest')).then(() => done.push('modest'));
  assert.ok(done.indexOf('modest') <= 2, done.join(' '));
  const refused = (await Promise.all(greedy)).filter((each) => each === 'resource-exhausted');
  assert.equal(refused.length, 3);
});

test('a job ends when its caller disconnects, and the next one runs', async (t) => {
  const pool = poolIn(t);
  const gone = new AbortController();
  const given = pool.dryRun(huge, caller('a', gone.signal)).catch(codeOf);
  const waiting = pool.dryRun(huge, caller('b', gone.signal)).catch(codeOf);
  setTimeout(() => gone.abort(), 50);
  assert.deepEqual(await Promise.all([given, waiting]), ['unavailable', 'unavailable']);
  assert.ok((await pool.dryRun(small, caller('a'))).image.words.length > 0);
});

test('jobs that wait when the daemon stops are refused', async (t) => {
  const pool = poolIn(t);
  const answers = [pool.dryRun(huge, caller('a')).catch(codeOf), pool.run(small, caller('b')).catch(codeOf)];
  await pool.close();
  assert.deepEqual(await Promise.all(answers), ['unavailable', 'unavailable']);
});
