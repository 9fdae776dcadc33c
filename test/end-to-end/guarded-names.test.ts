import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { NamespacedShell } from '../support/namespaced-shell.js';
import { namingTechniques } from '../support/naming-techniques.js';

const daemon = new Daemon();
const client = new Client(daemon.address);
const base = mkdtempSync('/run/guarded-');
const secret = join(base, 'srv/vault/guard/secret');
let events: EventStream;
let free: NamespacedShell;
let held: NamespacedShell;

const POLICY = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: guarded}
spec:
  selector: {matchLabels: {app: held}}
  file:
    matchPaths: [{path: ${secret}}]
    matchPatterns: [{pattern: /**/*.pem}]
    matchDirectories:
    - {dir: ${base}/srv/rows/, recursive: true, operations: [write]}
    - {dir: ${base}/srv/watched/, recursive: true, operations: [read], action: Audit}
  action: Block`;

/** The tree as each technique finds it. */
function plant(): void {
  rmSync(join(base, 'srv'), { recursive: true, force: true });
  for (const directory of ['vault/guard', 'forged', 'rows', 'other', 'keys', 'watched/a'])
    mkdirSync(join(base, 'srv', directory), { recursive: true });
  writeFileSync(secret, 'secret-content\n');
  for (const file of ['file', 'keys/a.pem', 'forged/row', 'rows/row']) writeFileSync(join(base, 'srv', file), '');
}

before(async () => {
  await daemon.start('--docker-socket=off');
  free = await NamespacedShell.registered(client, 'free');
  held = await NamespacedShell.registered(client, 'held');
  await client.call('PolicyService', 'ApplyPolicy', { manifest: POLICY });
  events = await client.stream({});
});

after(async () => {
  events?.cancel();
  client.close();
  await held?.end();
  await free?.end();
  await daemon.end('SIGTERM').catch(() => undefined);
});

for (const { technique, privilege, script, expected, rule } of namingTechniques(base)) {
  test(`${technique} (${privilege}): ${expected}`, async () => {
    plant();
    const control = await free.run(`cd ${base} && ${script}`);
    assert.equal(control.status, 0, `without the policy: ${control.output}`);
    plant();
    events.clear();
    const outcome = await held.run(`cd ${base} && ${script}`);
    if (expected === 'passes') assert.equal(outcome.status, 0, outcome.output);
    else assert.notEqual(outcome.status, 0, outcome.output);
    if (expected === 'refused') {
      await events.find(({ rule: by, result }) => by === rule && result === 'RESULT_DENIED');
    }
  });
}
