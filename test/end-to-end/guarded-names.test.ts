import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { loadModule } from '../support/kernel-modules.js';
import type { NamespacedShell } from '../support/namespaced-shell.js';
import { namingTechniques } from '../support/naming-techniques.js';
import { SharedDaemon } from '../support/shared-daemon.js';
import { TwoShells } from '../support/two-shells.js';

const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const shells = new TwoShells(daemon, client);
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
    matchPaths:
    - {path: ${secret}}
    - {path: ${base}/srv/active/key}
    - {path: ${base}/srv/release/key}
    - {path: /sys/kernel/uevent_seqnum}
    matchPatterns: [{pattern: /**/*.pem}]
    matchDirectories:
    - {dir: ${base}/srv/rows/, recursive: true, operations: [write]}
    - {dir: ${base}/srv/watched/, recursive: true, operations: [read], action: Audit}
  action: Block`;

/** The tree as each technique finds it. */
function plant(): void {
  rmSync(join(base, 'srv'), { recursive: true, force: true });
  for (const directory of ['vault/guard', 'forged', 'rows', 'other', 'keys', 'watched/a', 'first'])
    mkdirSync(join(base, 'srv', directory), { recursive: true });
  writeFileSync(secret, 'secret-content\n');
  for (const file of ['file', 'keys/a.pem', 'forged/row', 'rows/row']) writeFileSync(join(base, 'srv', file), '');
  symlinkSync('first', join(base, 'srv/release'));
}

before(async () => {
  loadModule('fuse');
  ({ free, held, events } = await shells.start());
  await client.call('PolicyService', 'ApplyPolicy', { manifest: POLICY });
});

after(() => shells.end());

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

test('a file with eight names is decided by each of them, also in a copy of all mounts, and one with more is refused', async () => {
  plant();
  const setTimes = 'touch --date=yesterday srv/other/x';
  const mount = (first: number, last: number) =>
    `for i in {${first}..${last}}; do mkdir srv/keys/$i && mount --bind srv/other srv/keys/$i || exit; done`;
  const within = async (script: string) => held.run(`cd ${base} && ${script}`);
  for (const script of [`echo x >srv/other/x && ${mount(1, 7)}`, setTimes, `unshare --mount ${setTimes}`]) {
    const { status, output } = await within(script);
    assert.equal(status, 0, `${script}: ${output}`);
  }
  const { status, output } = await within(`(${mount(8, 8)}) && ! ${setTimes}`);
  assert.equal(status, 0, output);
  await events.find(({ rule, object }) => rule === 'unreachable' && object === '');
  await within('for i in {1..8}; do umount srv/keys/$i; done');
});

test('rules hold for the targets of links, by any hard link, and for one name alone of a program with many names', async () => {
  plant();
  const programs = join(base, 'srv/programs');
  mkdirSync(join(base, 'srv/releases/1'), { recursive: true });
  mkdirSync(programs);
  for (const [program, copy] of Object.entries({ busybox: '/bin/busybox', one: '/bin/true' })) {
    copyFileSync(copy, join(programs, program));
    chmodSync(join(programs, program), 0o755);
  }
  writeFileSync(join(base, 'srv/releases/1/key'), 'secret-content\n');
  for (const [link, target] of Object.entries({
    'srv/current': 'releases/1',
    'srv/soft': 'file',
    'srv/programs/nc': 'busybox',
    'srv/programs/sh': './busybox',
    'srv/programs/two': 'one',
  }))
    symlinkSync(target, join(base, link));
  linkSync(join(base, 'srv/rows/row'), join(base, 'srv/other/twin'));
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: linked}
spec:
  selector: {matchLabels: {app: held}}
  file: {matchPaths: [{path: ${base}/srv/current/key}, {path: ${base}/srv/soft}, {path: ${base}/srv/rows/row}]}
  process: {matchPaths: [{path: ${programs}/nc}, {path: ${programs}/two}]}`;
  const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest });
  assert.match(changes[0].warnings.join(), /process.matchPaths\[0\].*which other names lead to as well/);
  for (const [command, rule] of Object.entries({
    [`cat ${base}/srv/releases/1/key`]: 'file.matchPaths[0]',
    [`cat ${base}/srv/current/key`]: 'file.matchPaths[0]',
    [`cat ${base}/srv/file`]: 'file.matchPaths[1]',
    [`cat ${base}/srv/other/twin`]: 'file.matchPaths[2]',
    [`${programs}/nc --help`]: 'process.matchPaths[0]',
    [`exec -a /x/nc ${programs}/busybox --help`]: 'process.matchPaths[0]',
    [`${programs}/busybox nc --help`]: 'process.matchPaths[0]',
    [`${programs}/one`]: 'process.matchPaths[1]',
  })) {
    events.clear();
    const { status, output } = await held.run(command);
    assert.notEqual(status, 0, `${command}: ${output}`);
    assert.match(output, /Permission denied/, command);
    await events.find((event) => event.policy === 'linked' && event.rule === rule && event.result === 'RESULT_DENIED');
  }
  for (const command of [`${programs}/sh -c true`, `${programs}/busybox echo nc`, `cat ${base}/srv/forged/row`]) {
    const { status, output } = await held.run(command);
    assert.equal(status, 0, `${command}: ${output}`);
  }
});
