import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { loadModule } from '../support/kernel-modules.js';
import type { NamespacedShell } from '../support/namespaced-shell.js';
import { commandOf, namingTechniques, UNPRIVILEGED_ID } from '../support/naming-techniques.js';
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

const policyWith = (setting: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: guarded}
spec:
  ${setting}
  selector: {matchLabels: {app: held}}
  file:
    matchPaths:
    - {path: ${secret}}
    - {path: ${base}/srv/active/key}
    - {path: ${base}/srv/release/key}
    - {path: /sys/kernel/uevent_seqnum}
    - {path: ${base}/srv/door}
    matchPatterns: [{pattern: /**/*.pem}]
    matchDirectories:
    - {dir: ${base}/srv/rows/, recursive: true, operations: [write]}
    - {dir: ${base}/srv/watched/, recursive: true, operations: [read], action: Audit}
  action: Block`;

/** The tree as each technique finds it. */
function plant(): void {
  rmSync(join(base, 'srv'), { recursive: true, force: true });
  for (const directory of ['vault/guard', 'forged', 'rows', 'other', 'keys', 'watched/a', 'first', 'doors'])
    mkdirSync(join(base, 'srv', directory), { recursive: true });
  writeFileSync(secret, 'secret-content\n');
  for (const file of ['file', 'keys/a.pem', 'forged/row', 'rows/row']) writeFileSync(join(base, 'srv', file), '');
  symlinkSync('first', join(base, 'srv/release'));
  symlinkSync('doors/door', join(base, 'srv/door'));
  symlinkSync('../first/door', join(base, 'srv/doors/door'));
  // A started chown would take longer than everything before it.
  for (const name of ['', ...readdirSync(base, { recursive: true, encoding: 'utf8' })])
    lchownSync(join(base, name), UNPRIVILEGED_ID, UNPRIVILEGED_ID);
}

const apply = (manifest: string) => client.call('PolicyService', 'ApplyPolicy', { manifest });

before(async () => {
  loadModule('fuse');
  // As udev has it, which does not run here.
  chmodSync('/dev/fuse', 0o666);
  ({ free, held, events } = await shells.start());
  plant();
  await apply(policyWith(''));
});

after(() => shells.end());

const TECHNIQUES = namingTechniques(base);

for (const { technique, privilege, script, expected, rule } of TECHNIQUES) {
  test(`${technique} (${privilege}): ${expected}`, async () => {
    plant();
    const command = `cd ${base} && ${commandOf({ privilege, script })}`;
    const control = await free.run(command);
    assert.equal(control.status, 0, `without the policy: ${control.output}`);
    plant();
    events.clear();
    const outcome = await held.run(command);
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
  for (const [first, second] of [
    ['hidden', 'shown'],
    ['left', 'right'],
  ] as const) {
    copyFileSync('/bin/cat', join(programs, first));
    chmodSync(join(programs, first), 0o755);
    linkSync(join(programs, first), join(programs, second));
  }
  const row = join(base, 'srv/forged/row');
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: linked}
spec:
  selector: {matchLabels: {app: held}}
  file:
    matchPaths:
    - {path: ${base}/srv/current/key}
    - {path: ${base}/srv/soft}
    - {path: ${base}/srv/rows/row}
    # By rules on files alone, files are searched for that have further names.
    - {path: ${programs}/hidden, operations: [write]}
  process:
    matchPaths:
    - {path: ${programs}/nc}
    - {path: ${programs}/two}
    - {path: ${programs}/hidden}
    - {path: ${programs}/shown, allowedArgs: [${row}]}
    - {path: ${programs}/left, allowedArgs: [${row}]}
    - {path: ${programs}/right, allowedArgs: [${row}]}`;
  const { changes } = await apply(manifest);
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
    [`${programs}/shown ${row}`]: 'process.matchPaths[2]',
    [`${programs}/left ${secret}`]: 'process.matchPaths[4]',
  })) {
    events.clear();
    const { status, output } = await held.run(command);
    assert.notEqual(status, 0, `${command}: ${output}`);
    assert.match(output, /Permission denied/, command);
    await events.find((event) => event.policy === 'linked' && event.rule === rule && event.result === 'RESULT_DENIED');
  }
  for (const command of [
    `${programs}/sh -c true`,
    `${programs}/busybox echo nc`,
    `cat ${row}`,
    `${programs}/left ${row}`,
  ]) {
    const { status, output } = await held.run(command);
    assert.equal(status, 0, `${command}: ${output}`);
  }
});

test('with guards off, names change under the rules, which still hold for the names that they give', async () => {
  // Of the last test; its own guards stay on.
  await client.call('PolicyService', 'DeletePolicy', { name: 'linked' });
  await apply(policyWith('guards: off'));
  const isChange = ({ rule, script }: (typeof TECHNIQUES)[number]) =>
    rule !== undefined && rule !== 'unreachable' && !script.includes('mount');
  for (const { technique, privilege, script } of TECHNIQUES.filter(isChange)) {
    plant();
    const { status, output } = await held.run(`cd ${base} && ${commandOf({ privilege, script })}`);
    assert.equal(status, 0, `${technique}: ${output}`);
  }
  plant();
  assert.match((await held.run(`cat ${secret}`)).output, /Permission denied/);
});

test('a tree that was mounted twice before the policy is decided by both of its names, and applying the policy says so', async () => {
  await client.call('PolicyService', 'DeletePolicy', { name: 'guarded' });
  plant();
  const again = join(base, 'again');
  const mounted = await held.run(
    `mkdir ${again} && mount --bind ${base}/srv ${again} && cat ${again}/vault/guard/secret`,
  );
  assert.equal(mounted.status, 0, mounted.output);
  const { changes } = await apply(policyWith(''));
  assert.match(
    changes[0].warnings.join(),
    new RegExp(`names .${secret}., which is mounted at .${again}/vault/guard/secret. too`),
  );
  events.clear();
  for (const name of [secret, `${again}/vault/guard/secret`])
    assert.match((await held.run(`cat ${name}`)).output, /Permission denied/, name);
  assert.match((await held.run(`echo x >${again}/rows/row`)).output, /Permission denied/);
  await events.find(({ rule, object }) => rule === 'file.matchDirectories[0]' && object.endsWith('/rows/row'));
  assert.equal((await held.run(`cat ${again}/rows/row ${again}/file`)).status, 0);
});

test('a tree that was mounted twice in another mount namespace, before any rule about files, is decided by both of its names', async () => {
  plant();
  const policy = (rules: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: late}
spec:
  selector: {matchLabels: {app: free}}
  ${rules}`;
  await apply(policy('network: {matchProtocols: [{protocol: icmp}]}'));
  const inside = `mount --bind srv/vault srv/other && echo >done && read line <go
    cat srv/other/guard/secret >answer 2>&1; echo >done`;
  const mounted = await free.run(
    `cd ${base} && mkfifo go done && (unshare --mount bash -c '${inside}' >/dev/null 2>&1 &) && read line <done`,
  );
  assert.equal(mounted.status, 0, mounted.output);
  await apply(policy(`file: {matchPaths: [{path: ${secret}}]}`));
  const { output } = await free.run(`cd ${base} && echo >go && read line <done; cat answer`);
  assert.match(output, /Permission denied/);
});
