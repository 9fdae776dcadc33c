import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { actingTechniques, replacements } from '../support/acting-techniques.js';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { NamespacedShell } from '../support/namespaced-shell.js';

const daemon = new Daemon();
const client = new Client(daemon.address);
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
/** What else than the source is kept from it: by a rule, or by there being none that lets it. */
const POLICIES = {
  'a list of what is blocked': `file:
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

async function apply(rules: string): Promise<void> {
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: acting}
spec:
  selector: {matchLabels: {app: held}}
  ${rules}`;
  await client.call('PolicyService', 'SetPosture', {
    namespace: 'default',
    postures: [{ class: 'ACCESS_CLASS_FILE', action: 'ACTION_BLOCK' }],
  });
  await client.call('PolicyService', 'ApplyPolicy', { manifest });
}

before(async () => {
  plant();
  copyFileSync(IMAGE_LIBRARY, library);
  for (const file of [secret, other]) writeFileSync(file, 'content\n');
  await daemon.start('--docker-socket=off');
  free = await NamespacedShell.registered(client, 'free');
  held = await NamespacedShell.registered(client, 'held');
  events = await client.stream({});
});

after(async () => {
  events?.cancel();
  client.close();
  await held?.end();
  await free?.end();
  await daemon.end('SIGTERM').catch(() => undefined);
});

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

/** Under an allow-list one of a kind is tried: what is refused is found out alike. */
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
  test(`with ${name}, nobody acts as the source of an Allow rule`, async (context) => {
    plant();
    await apply(rules);
    const failures: string[] = [];
    for (const { technique, script, told } of name === 'an allow-list' ? OF_EACH_KIND : TECHNIQUES) {
      events.clear();
      const { status, output } = await held.run(script);
      context.diagnostic(`${technique}: ${output.trim()}`);
      if (status === 0) failures.push(`${technique}: ${output}`);
      await events
        .find((event) => Object.entries(told).every(([key, value]) => (event as never)[key] === value), 10_000)
        .catch(() => failures.push(`${technique}: not told`));
    }
    for (const script of FREE) {
      const { status, output } = await held.run(script);
      if (status !== 0) failures.push(`${script}: ${output}`);
    }
    const blocked = await held.run(`LD_PRELOAD=${library} cat ${other}`);
    if (blocked.status === 0) failures.push('a Block rule holds no more');
    assert.deepEqual(failures, []);
  });
}

test("nobody puts something else in the place of a source's file", async (context) => {
  await apply(POLICIES['a list of what is blocked']);
  const failures: string[] = [];
  for (const [technique, script] of Object.entries(REPLACING)) {
    plant();
    events.clear();
    const { status, output } = await held.run(script);
    context.diagnostic(`${technique}: ${output.trim()}`);
    if (status === 0) failures.push(technique);
    await events
      .find(({ policy, result }) => policy === 'acting' && result === 'RESULT_DENIED', 10_000)
      .catch(() => failures.push(`${technique}: not told`));
  }
  assert.deepEqual(failures, []);
});
