import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
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
    - {path: ${other}, fromSource: [{path: /usr/bin/cat}], action: Block}`;
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
  mkdirSync(join(base, 'friends'));
  copyFileSync(USES, friend);
  copyFileSync(IMAGE_LIBRARY, library);
  for (const file of [secret, other]) writeFileSync(file, 'content\n');
  await daemon.start('--docker-socket=off');
  [free, held] = [new NamespacedShell(), new NamespacedShell()];
  for (const [name, shell] of Object.entries({ free, held })) {
    await shell.run('true');
    await client.call('ContainerService', 'RegisterContainer', {
      id: name,
      name,
      labels: { app: name },
      pid: shell.pid,
    });
  }
  events = await client.stream({});
});

after(async () => {
  events?.cancel();
  client.close();
  await held?.end();
  await free?.end();
  await daemon.end('SIGTERM').catch(() => undefined);
});

interface Told {
  readonly operation: string;
  readonly object: string;
  readonly rule?: string;
  readonly result?: string;
}

interface Technique {
  readonly technique: string;
  readonly script: string;
  readonly told: Told;
}

const REACHING = {
  'memory-read': 'its memory is read in /proc',
  'memory-write': 'its memory is written to in /proc',
  attach: 'it is attached to',
  seize: 'it is seized',
  'copy-from': 'its memory is copied from',
  'copy-to': 'its memory is copied to',
  'take-descriptor': 'a descriptor is taken from it',
};
const TECHNIQUES: readonly Technique[] = [
  ...Object.entries(REACHING).map(([how, technique]) => ({
    technique,
    script: `${USES} reach-into ${how} /usr/bin/cat`,
    told: { operation: 'trace', object: '/usr/bin/cat', result: 'RESULT_DENIED' },
  })),
  ...Object.entries({ traced: 'it is traced from its start', answered: 'its calls are answered by another' }).map(
    ([how, technique]) => ({
      technique,
      script: `${USES} run ${how} /usr/bin/cat ${secret}`,
      told: { operation: 'exec', object: '/usr/bin/cat', result: 'RESULT_PASSED' },
    }),
  ),
  ...['LD_PRELOAD', 'LD_AUDIT'].map((variable) => ({
    technique: `its loader is given a library by ${variable}`,
    script: `${variable}=${library} cat ${secret}`,
    told: { operation: 'map', object: library, result: 'RESULT_PASSED' },
  })),
  {
    technique: 'its loader is given a directory of libraries by LD_LIBRARY_PATH',
    script: `cp ${IMAGE_LIBRARY.replace('libm', 'libc')} ${base}/libc.so.6; LD_LIBRARY_PATH=${base} cat ${secret}`,
    told: { operation: 'map', object: `${base}/libc.so.6`, result: 'RESULT_PASSED' },
  },
  {
    technique: 'a library is named behind a long variable, by a file without a name',
    script: `perl -MIO::Handle -e '$ENV{A} = "x" x 9000; my $fd = syscall(${process.arch === 'arm64' ? 279 : 319}, my $n = "l", 0);
      open(my $from, "<", "${IMAGE_LIBRARY}"); open(my $to, ">&=", $fd); local $/; print {$to} <$from>; $to->flush;
      $ENV{LD_PRELOAD} = "/proc/$$/fd/$fd"; system("cat", "${secret}") == 0 or exit 1'`,
    told: { operation: 'open', object: secret, result: 'RESULT_DENIED' },
  },
];
const FREE = [
  `cat ${secret}`,
  `LD_PRELOAD=${IMAGE_LIBRARY} LD_LIBRARY_PATH=/usr/lib:/nowhere LD_AUDIT= cat ${secret}`,
  `LD_PRELOAD=${library} true`,
  `${friend} reach-into attach /usr/bin/cat`,
  `${USES} reach-into attach /usr/bin/sleep 100`,
  `${USES} run traced /usr/bin/true x`,
];

for (const [name, rules] of Object.entries(POLICIES)) {
  test(`with ${name}, nobody acts as the source of an Allow rule`, async (context) => {
    const failures: string[] = [];
    for (const { technique, script } of TECHNIQUES) {
      const { status, output } = await free.run(script);
      if (status !== 0) failures.push(`without the policy: ${technique}: ${output}`);
    }
    await apply(rules);
    for (const { technique, script, told } of TECHNIQUES) {
      events.clear();
      const { status, output } = await held.run(script);
      context.diagnostic(`${technique}: ${status} ${output.trim()}`);
      if (status === 0) failures.push(`${technique}: ${output}`);
      const found = await events
        .find((event) => Object.entries(told).every(([key, value]) => (event as never)[key] === value), 10_000)
        .catch(() => undefined);
      if (found === undefined)
        failures.push(
          `${technique}: not told; ${JSON.stringify(events.events.map(({ operation, object, result, message }) => [operation, object, result, message]))}`,
        );
      else context.diagnostic(`${found.policy} ${found.rule}: ${found.message}`);
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
