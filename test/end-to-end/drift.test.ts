import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { docker, enter, type Outcome, startContainer } from '../support/docker.js';
import { IN_LONG_RUNS } from '../support/long-run.js';
import { copyToMemory, PERL_LIBRARY, runFromMemory } from '../support/perl.js';
import { SharedDaemon } from '../support/shared-daemon.js';

const HELPER = 'build/test/support/uses';
const LIBRARY = '/lib/x86_64-linux-gnu/libc.so.6';
/** The containerd that Docker starts. */
const CONTAINERD = '/run/docker/containerd/containerd.sock';
const LOADER = '/lib64/ld-linux-x86-64.so.2';
const daemon = new SharedDaemon();
const client = new Client(daemon.address);
const volume = mkdtempSync('/run/drift-');
let events: EventStream;
let target: string;

/** Runs a script of Perl that prints why it failed; the numbers of system calls are those of x86-64. */
const perl = (script: string) => `perl -e '${script}'`;
/** Maps a page of a file, to be executed at once or later. */
const mapped = (path: string, then: 'at once' | 'later') => {
  const protection = then === 'at once' ? 5 : 1;
  const protect = then === 'at once' ? '' : ' syscall(10, $m, 4096, 5) == 0 or die "$!\\n"';
  return perl(
    `open(F, "<", "${path}") or die; my $m = syscall(9, 0, 4096, ${protection}, 2, fileno(F), 0); $m == -1 and die "$!\\n";${protect}`,
  );
};
const MAPPED_MEMORY = 'syscall(9, 0, 4096, 5, 2, $d, 0) == -1 and die "$!\\n"';

interface Technique {
  readonly what: string;
  readonly run: string;
  /** As an event reports it; left out where there is no path. */
  readonly object?: string;
  readonly operation: 'exec' | 'map' | 'protect';
}

/** Ways to run in a container what its image did not contain; all work without a policy. */
const TECHNIQUES: readonly Technique[] = [
  { what: 'a copy in the upper layer', run: '/tmp/true', object: '/tmp/true', operation: 'exec' },
  { what: 'a hard link to the copy', run: '/tmp/link', object: '/tmp/link', operation: 'exec' },
  { what: 'a symbolic link to the copy', run: '/tmp/symlink', object: '/tmp/true', operation: 'exec' },
  { what: 'a script in the upper layer', run: '/tmp/script', object: '/tmp/script', operation: 'exec' },
  { what: 'a program of the image that was touched', run: 'touched', object: '/bin/touched', operation: 'exec' },
  { what: 'a program of the image with another owner', run: 'given', object: '/bin/given', operation: 'exec' },
  { what: 'a program of the image that was renamed', run: '/tmp/moved', object: '/tmp/moved', operation: 'exec' },
  { what: 'a tmpfs', run: '/dev/shm/true', object: '/dev/shm/true', operation: 'exec' },
  { what: 'a volume', run: '/v/true', object: '/v/true', operation: 'exec' },
  {
    what: 'a memory file',
    run: perl(runFromMemory('/bin/true')),
    operation: 'exec',
  },
  {
    what: 'memory of a memory file',
    run: perl(`${copyToMemory('/bin/true')} ${MAPPED_MEMORY}`),
    operation: 'map',
  },
  { what: 'a library', run: 'LD_LIBRARY_PATH=/drop /bin/true', object: '/drop/libc.so.6', operation: 'map' },
  { what: 'the loader with a copy', run: `${LOADER} /tmp/true`, object: '/tmp/true', operation: 'map' },
  { what: "an interpreter of the image's program", run: '/bin/interpreted', object: '/tmp/loader', operation: 'map' },
  { what: 'a mapping', run: mapped('/tmp/true', 'at once'), object: '/tmp/true', operation: 'map' },
  { what: 'a mapping made executable', run: mapped('/tmp/true', 'later'), object: '/tmp/true', operation: 'protect' },
  { what: 'a program of another root', run: 'chroot /other /bin/true', object: '/other/bin/true', operation: 'exec' },
  {
    what: 'an overlay of its own over a tmpfs',
    run: 'mkdir -p /dev/shm/a/lower /dev/shm/a/upper /dev/shm/a/work /own && cp /bin/true /dev/shm/a/lower/ && unshare -m /bin/sh -c "mount -t overlay -o lowerdir=/dev/shm/a/lower,upperdir=/dev/shm/a/upper,workdir=/dev/shm/a/work overlay /own && /own/true"',
    object: '/own/true',
    operation: 'exec',
  },
];

/** Programs of the image, and accesses that the preset does not cover. */
const OTHERS: readonly (readonly [what: string, run: string])[] = [
  ['a program', '/bin/true'],
  ['the loader', `${LOADER} /bin/true`],
  ['a mapping of a program', mapped('/bin/true', 'at once')],
  ['a mapping of a program, made executable', mapped('/bin/true', 'later')],
  ['anonymous memory', perl('syscall(9, 0, 4096, 7, 34, -1, 0) == -1 and die "$!\\n"')],
  [
    'shared anonymous memory',
    perl('my $m = syscall(9, 0, 4096, 3, 33, -1, 0); syscall(10, $m, 4096, 5) == 0 or die "$!\\n"'),
  ],
  ['a script that an interpreter reads', '/bin/sh /tmp/script'],
  [
    'a mapping of a copy that is not executed',
    perl('open(F, "<", "/tmp/true"); syscall(9, 0, 4096, 1, 2, fileno(F), 0) == -1 and die "$!\\n"'),
  ],
];

const SET_UP = `
cp /bin/true /tmp/true && ln /tmp/true /tmp/link && ln -s true /tmp/symlink
printf '#!/bin/sh\\nexit 0\\n' >/tmp/script && chmod 755 /tmp/script
touch /bin/touched && chown 1:1 /bin/given && mv /bin/renamed /tmp/moved
cp /bin/true /dev/shm/true
mkdir -p /drop /own /other/bin /other/lib64 /other/lib/x86_64-linux-gnu && cp ${LIBRARY} /drop/
cp /bin/true /other/bin/ && cp ${LOADER} /other/lib64/ && cp ${LIBRARY} /other/lib/x86_64-linux-gnu/
uses program /tmp/loader ''`;

const sh = (script: string): Outcome => enter('drift', '/bin/sh', '-c', script);

before(async () => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  const directory = mkdtempSync('/run/image-');
  execFileSync(HELPER, ['program', join(directory, 'interpreted'), '/tmp/loader']);
  const names = [
    'dash',
    'true',
    'cat',
    'sleep',
    'cp',
    'mv',
    'rm',
    'ln',
    'chmod',
    'chown',
    'touch',
    'mkdir',
    'mount',
    'tar',
  ];
  execFileSync('tools/vm/image', [
    'drift',
    ...names.map((name) => `/bin/${name}`),
    ...['touched', 'given', 'renamed', 'upgraded'].map((name) => `/bin/${name}=/bin/true`),
    ...[
      '/usr/bin/perl',
      '/usr/bin/unshare',
      '/usr/sbin/chroot',
      '/usr/bin/dpkg',
      '/usr/bin/dpkg-deb',
      '/usr/bin/dpkg-split',
    ],
    // What these need is not detected automatically.
    `/bin/uses=${HELPER}`,
    `/bin/interpreted=${join(directory, 'interpreted')}`,
  ]);
  mkdirSync(join(volume, 'plugins'));
  for (const place of ['true', 'plugins/true']) cpSync('/bin/true', join(volume, place));
  makePackage(directory);
  const flags = ['--label', 'app=drift', '--privileged', '--tmpfs=/dev/shm:exec', '-v', `${volume}:/v`];
  target = startContainer('drift', 'drift', ...flags, '-v', `${PERL_LIBRARY}:${PERL_LIBRARY}:ro`);
  assert.equal(docker('info', '--format', '{{.Driver}}').output.trim(), 'overlay2');
  runs(sh(`set -e${SET_UP}`));
  await daemon.start();
  events = await client.stream({ containerIds: [target] });
});

after(async () => {
  events?.cancel();
  client.close();
  await daemon.release();
  docker('rm', '-f', 'drift');
});

/** Builds a package that contains a new program, and another version of one of the image's. */
function makePackage(directory: string): void {
  const root = join(directory, 'package');
  mkdirSync(join(root, 'DEBIAN'), { recursive: true });
  mkdirSync(join(root, 'bin'));
  const control =
    'Package: tool\nVersion: 2\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\nDescription: a tool\n';
  writeFileSync(join(root, 'DEBIAN/control'), control);
  for (const name of ['tool', 'upgraded']) cpSync('/bin/true', join(root, 'bin', name));
  execFileSync('dpkg-deb', ['-Znone', '--root-owner-group', '--build', root, join(volume, 'tool.deb')]);
}

function runs(outcome: Outcome): void {
  assert.equal(outcome.status, 0, outcome.output);
}

/** Runs scripts one after the other in one container; returns how each ended. */
function inOneShell(scripts: readonly string[]): Outcome[] {
  const { output } = sh(scripts.map((script) => `( ${script} ) 2>&1; echo "ended with $?"`).join('\n'));
  const outcomes = [...output.matchAll(/([\s\S]*?)ended with (\d+)\n/gu)];
  assert.equal(outcomes.length, scripts.length, output);
  return outcomes.map(([, output, status]) => ({ status: Number(status), output: output! }));
}

function manifest(presets: string): string {
  return `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: drift}
spec:
  selector: {matchLabels: {app: drift}}
  presets: ${presets}`;
}

/** Runs `task` while the preset is in force. */
async function under(presets: string, task: () => Promise<void> | void): Promise<void> {
  await client.call('PolicyService', 'ApplyPolicy', { manifest: manifest(presets) });
  events.clear();
  try {
    await task();
  } finally {
    await client.call('PolicyService', 'DeletePolicy', { name: 'drift' });
  }
}

async function eventReported({ object, operation }: Technique, action: 'ACTION_BLOCK' | 'ACTION_AUDIT'): Promise<void> {
  await events.find(
    (event) =>
      event.rule === 'presets[0]' &&
      event.operation === operation &&
      event.action === action &&
      (object === undefined || event.object === object),
  );
}

test('without a policy, programs that are not of the image run', () => {
  const outcomes = inOneShell(TECHNIQUES.map(({ run }) => run));
  for (const [index, outcome] of outcomes.entries())
    assert.equal(outcome.status, 0, `${TECHNIQUES[index]!.what}: ${outcome.output}`);
});

test('the preset drift refuses programs that are not of the image, and reports them', async () => {
  await under('[{name: drift, action: Block}]', async () => {
    const outcomes = inOneShell(TECHNIQUES.map(({ run }) => run));
    for (const [index, outcome] of outcomes.entries())
      assert.notEqual(outcome.status, 0, `${TECHNIQUES[index]!.what}: ${outcome.output}`);
    for (const technique of TECHNIQUES) await eventReported(technique, 'ACTION_BLOCK');
  });
});

test('the preset drift allows the programs of the image', async () => {
  await under('[{name: drift, action: Block}]', async () => {
    const outcomes = inOneShell(OTHERS.map(([, run]) => run));
    for (const [index, outcome] of outcomes.entries())
      assert.equal(outcome.status, 0, `${OTHERS[index]![0]}: ${outcome.output}`);
    assert.deepEqual(events.events, []);
  });
});

test('the preset drift with action Audit only reports', async () => {
  await under('[{name: drift, action: Audit}]', async () => {
    const outcomes = inOneShell(TECHNIQUES.map(({ run }) => run));
    for (const [index, outcome] of outcomes.entries())
      assert.equal(outcome.status, 0, `${TECHNIQUES[index]!.what}: ${outcome.output}`);
    for (const technique of TECHNIQUES) await eventReported(technique, 'ACTION_AUDIT');
  });
});

test('programs on a volume that the rule excepts run, and none in the upper layer at an excepted path', async () => {
  await under('[{name: drift, except: [{dir: /v/plugins/}, {dir: /tmp/}, {path: /bin/touched}]}]', async () => {
    const [plugin, other, copy, touched] = inOneShell(['/v/plugins/true', '/v/true', '/tmp/true', 'touched']);
    runs(plugin!);
    for (const refused of [other, copy, touched]) assert.notEqual(refused!.status, 0);
  });
});

test('programs of a package installed in a running container are refused, also those that replace programs of the image', async () => {
  const install =
    'mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates && touch /var/lib/dpkg/status && dpkg --force-all --log=/dev/null -i /v/tool.deb';
  await under('[{name: drift}]', async () => {
    runs(sh('/bin/upgraded'));
    runs(sh(install));
    for (const run of ['/bin/tool', '/bin/upgraded']) {
      const { status, output } = sh(run);
      assert.notEqual(status, 0, output);
      await eventReported({ what: 'of the package', run, object: run, operation: 'exec' }, 'ACTION_BLOCK');
    }
  });
  runs(sh('/bin/tool && /bin/upgraded'));
});

test('under the preset drift a container starts with a program of its image', async () => {
  await under('[{name: drift}]', () => {
    const started = docker('run', '--rm', '--network=host', '--label', 'app=drift', 'drift', '/bin/true');
    runs(started);
  });
});

test('the preset drift knows the programs of the image on the overlayfs of containerd too', {
  skip: IN_LONG_RUNS,
}, async (t) => {
  const ctr = (...parameters: string[]) =>
    execFileSync('/usr/bin/ctr', ['--address', CONTAINERD, '--namespace', 'drift', ...parameters], {
      encoding: 'utf8',
    });
  const archive = join(volume, 'image.tar');
  execFileSync('tools/vm/image', ['plain', '/bin/dash', '/bin/sleep', '/bin/cp', '/bin/true']);
  execFileSync('/usr/bin/docker', ['save', '-o', archive, 'plain']);
  ctr('images', 'import', '--snapshotter', 'overlayfs', archive);
  ctr('run', '-d', '--snapshotter', 'overlayfs', 'docker.io/library/plain:latest', 'plain', '/bin/sleep', '100000');
  t.after(() => ctr('tasks', 'kill', '--signal', 'SIGKILL', 'plain'));
  const pid = Number(/^plain\s+(\d+)/mu.exec(ctr('tasks', 'ls'))![1]);
  await client.call('ContainerService', 'RegisterContainer', { id: 'plain', labels: { app: 'drift' }, pid });
  const inside = (script: string) =>
    spawnSync('/usr/bin/nsenter', ['--target', String(pid), '--mount', '--pid', '/bin/sh', '-c', script]).status;
  assert.equal(inside('cp /bin/true /tmp/true && /tmp/true'), 0);
  await under('[{name: drift}]', () => {
    assert.equal(inside('/bin/true'), 0);
    assert.notEqual(inside('/tmp/true'), 0);
  });
});
