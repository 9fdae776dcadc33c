import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { actingTechniques, replacements } from '../support/acting-techniques.js';
import { Client, type EventStream } from '../support/client.js';
import type { NamespacedShell } from '../support/namespaced-shell.js';
import { SharedDaemon } from '../support/shared-daemon.js';
import { TwoShells } from '../support/two-shells.js';

const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const shells = new TwoShells(daemon, client);
const base = mkdtempSync('/run/acting-');
const USES = resolve('build/test/support/uses');
const secret = join(base, 'secret');
const other = join(base, 'other');
const library = join(base, 'libm.so.6');
const friend = join(base, 'friends/uses');
const IMAGE_LIBRARY = realpathSync(`/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/libm.so.6`);
let events: EventStream;
let free: NamespacedShell;
let held: NamespacedShell;

const RULES = `- {path: ${secret}, fromSource: [{path: /usr/bin/cat}, {dir: ${base}/friends/}], action: Allow}
    - {path: ${other}, fromSource: [{path: /usr/bin/cat}, {dir: ${base}/friends/}], action: Block}`;
/** Programs other than the source are refused the file: by a Block rule, or because no rule allows it. */
const POLICIES = {
  'a block-list': `file:
    matchPaths:
    ${RULES}
    - {path: ${secret}, action: Block}
    matchDirectories:
    - {dir: /, recursive: true, action: Allow}`,
  'an allow-list': `file:
    matchPaths:
    ${RULES}
    matchPatterns:
    - {pattern: "/{dev,etc,lib,lib64,proc,usr,bin,tmp,work}/**", action: Allow}
    - {pattern: "${base}/{friends/**,lib*}", action: Allow}`,
};

async function apply(rules: string, ofPrograms = 'ACTION_AUDIT'): Promise<void> {
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: acting}
spec:
  selector: {matchLabels: {app: held}}
  ${rules}`;
  await client.call('PolicyService', 'SetPosture', {
    namespace: 'default',
    postures: [
      { class: 'ACCESS_CLASS_FILE', action: 'ACTION_BLOCK' },
      { class: 'ACCESS_CLASS_PROCESS', action: ofPrograms },
    ],
  });
  await client.call('PolicyService', 'ApplyPolicy', { manifest });
}

before(async () => {
  plant();
  copyFileSync(IMAGE_LIBRARY, library);
  for (const file of [secret, other]) writeFileSync(file, 'content\n');
  ({ free, held, events } = await shells.start());
});

after(() => shells.end());

const TECHNIQUES = actingTechniques({ helper: USES, secret, library, imageLibrary: IMAGE_LIBRARY });
const REPLACING = replacements({ helper: USES, source: friend, other: join(base, 'lib.other') });
const FREE = [
  `cat ${secret}`,
  `LD_PRELOAD=${IMAGE_LIBRARY} LD_LIBRARY_PATH=/usr/lib:/nowhere LD_AUDIT= cat ${secret}`,
  `LD_PRELOAD=${library} true`,
  `${friend} reach-into attach /usr/bin/cat`,
  `${USES} reach-into attach /usr/bin/sleep 100`,
  `${USES} run traced /usr/bin/true x`,
];

/** Under an allow-list one technique of each kind is enough: the others are detected in the same way. */
const OF_EACH_KIND = TECHNIQUES.filter(({ script }) => /attach|traced|LD_PRELOAD=/.test(script));

function plant(): void {
  rmSync(join(base, 'friends'), { recursive: true, force: true });
  mkdirSync(join(base, 'friends'));
  copyFileSync(USES, friend);
  copyFileSync(USES, join(base, 'lib.other'));
}

test('without a policy every technique works', async () => {
  for (const { technique, script } of TECHNIQUES) {
    const { status, output } = await free.run(script);
    assert.equal(status, 0, `${technique}: ${output}`);
  }
  for (const [technique, script] of Object.entries(REPLACING)) {
    plant();
    const { status, output } = await free.run(script);
    assert.equal(status, 0, `${technique}: ${output}`);
  }
});

for (const [name, rules] of Object.entries(POLICIES)) {
  test(`with ${name}, no program acts as the source of an Allow rule`, async (context) => {
    plant();
    await apply(rules);
    const failures: string[] = [];
    for (const { technique, script, reported } of name === 'an allow-list' ? OF_EACH_KIND : TECHNIQUES) {
      events.clear();
      const { status, output } = await held.run(script);
      context.diagnostic(`${technique}: ${output.trim()}`);
      if (status === 0) failures.push(`${technique}: ${output}`);
      await events
        .find((event) => Object.entries(reported).every(([key, value]) => (event as never)[key] === value), 10_000)
        .catch(() => failures.push(`${technique}: not reported`));
    }
    for (const script of FREE) {
      const { status, output } = await held.run(script);
      if (status !== 0) failures.push(`${script}: ${output}`);
    }
    const blocked = await held.run(`LD_PRELOAD=${library} cat ${other}`);
    if (blocked.status === 0) failures.push('a Block rule no longer holds');
    assert.deepEqual(failures, []);
  });
}

test('the file of a source cannot be replaced', async (context) => {
  await apply(POLICIES['a block-list']);
  const failures: string[] = [];
  for (const [technique, script] of Object.entries(REPLACING)) {
    plant();
    events.clear();
    const { status, output } = await held.run(script);
    context.diagnostic(`${technique}: ${output.trim()}`);
    if (status === 0) failures.push(technique);
    await events
      .find(({ policy, result }) => policy === 'acting' && result === 'RESULT_DENIED', 10_000)
      .catch(() => failures.push(`${technique}: not reported`));
  }
  assert.deepEqual(failures, []);
});

/** A rule on who runs `id`; with action Allow, dash alone may, with Block, dash may not. */
const CHILDREN_OF_DASH = 'path: /usr/bin/id, fromSource: [{path: /usr/bin/dash}]';
/** Run by dash, by a program that dash executes in its own process, or by a child of either. */
const BY_DASH = [
  'dash -c id',
  "dash -c 'env id'",
  "dash -c 'env id; true'",
  "dash -c 'exec env nice id'",
  "dash -c 'nice env id || exit 1; true'",
  'dash -c \'bash -c "exec env id"\'',
];
const BY_OTHERS = ['id', 'env id', 'nice env id; exit $?', 'dash -c \'bash -c "id || exit 1; true"\''];

const applyToPrograms = (rules: string, posture?: string) =>
  apply(
    `process:
    matchPaths:
    - ${rules}`,
    posture,
  );

async function assertRuns(refused: readonly string[], allowed: readonly string[]): Promise<void> {
  const failures: string[] = [];
  for (const script of refused) {
    const { status, output } = await held.run(script);
    if (output.includes('uid=')) failures.push(`${script} runs: ${status} ${output}`);
  }
  for (const script of allowed) {
    const { status, output } = await held.run(script);
    if (!output.includes('uid=')) failures.push(`${script} does not run: ${status} ${output}`);
  }
  assert.deepEqual(failures, []);
}

test('what a program may not run, its children may not run for it', async () => {
  await applyToPrograms(`{${CHILDREN_OF_DASH}, action: Block}`);
  events.clear();
  await assertRuns(BY_DASH, BY_OTHERS);
  const { rule, program } = await events.find(({ object }) => object === '/usr/bin/id', 10_000);
  assert.deepEqual([rule, program], ['process.matchPaths[0]', '/usr/bin/dash']);
});

test('a parent that has ended still counts as the parent; where a newer policy cannot know it, any blocked parent is assumed', async () => {
  const rules = (message: string) => `{${CHILDREN_OF_DASH}, action: Block, message: ${message}}`;
  const wait = (file: string) => `until test -e ${base}/${file}; do sleep 0.1; done`;
  /** Starts a child of the shell that waits for `file` and then runs id; meanwhile the shell itself runs `next`. */
  const start = (shell: string, file: string, next: string) =>
    held.run(
      `${shell} -c '(exec env bash -c "${wait(file)}; exec id" >${base}/${file}.out 2>&1; true) & ${next}' >/dev/null &`,
    );
  const outcomes = async (...files: string[]) => {
    const outputs: string[] = [];
    for (const file of files) {
      const { output } = await held.run(
        `touch ${base}/${file}; until test -s ${base}/${file}.out; do sleep 0.1; done; cat ${base}/${file}.out`,
      );
      outputs.push(/uid=|Permission denied/.exec(output)?.[0] ?? output);
    }
    return outputs;
  };
  await applyToPrograms(rules('one'));
  await start('dash', 'ended', 'exit 0');
  await start('bash', 'other', 'exit 0');
  // No other program here runs perl.
  const forking = `exit if fork; exec qw(env bash -c), q(${wait('unknown')}; exec id)`;
  await held.run(`perl -e "${forking}" >${base}/unknown.out 2>&1`);
  await start('bash', 'living', 'wait; true');
  await held.run('sleep 0.5');
  assert.deepEqual(await outcomes('ended', 'other'), ['Permission denied', 'uid=']);
  await applyToPrograms(rules('two'));
  assert.deepEqual(await outcomes('unknown', 'living'), ['Permission denied', 'uid=']);
});

test('what a program alone may run, its children may run for it', async () => {
  const programs = 'pattern: "/usr/bin/{env,nice,dash,bash,true}"';
  await applyToPrograms(
    `{${CHILDREN_OF_DASH}, action: Allow}
    matchPatterns:
    - {${programs}, action: Allow}`,
    'ACTION_BLOCK',
  );
  await assertRuns(BY_OTHERS, BY_DASH);
  // A child that loads a library of another program is not trusted as its parent is.
  events.clear();
  await assertRuns([`dash -c 'LD_PRELOAD=${library} env id; true'`], [`dash -c 'LD_PRELOAD=${library} id'`]);
  const { rule, object } = await events.find(({ operation }) => operation === 'map', 10_000);
  assert.deepEqual([rule, object], ['process.matchPaths[0]', library]);
});

test('preloading a library that the policy names keeps Allow rules in force, and preloading another one does not', async () => {
  const rules = POLICIES['a block-list'];
  const [named, unnamed] = [join(base, 'libraries/libm.so.6'), join(base, 'elsewhere/libm.so.6')];
  for (const copy of [named, unnamed]) {
    mkdirSync(join(copy, '..'));
    copyFileSync(IMAGE_LIBRARY, copy);
  }
  await apply(`loaderLibraries: [{dir: ${base}/libraries/}]
  ${rules}`);
  events.clear();
  const outputs = [named, unnamed].map((path) => `LD_PRELOAD=${path} cat ${secret}`);
  const results: number[] = [];
  for (const script of outputs) results.push((await held.run(script)).status);
  assert.deepEqual(results, [0, 1]);
  const reported = await events.find(({ operation }) => operation === 'map', 10_000);
  assert.equal(reported.object, unnamed);
});
