import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Client } from '../support/client.js';
import { runHauberk } from '../support/command-line.js';
import { Daemon } from '../support/daemon.js';

const daemon = new Daemon();
const client = new Client(daemon.address);
const directory = mkdtempSync('/run/inside-');

const policy = (name: string, rules: string) => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  ${rules}`;
const register = (name: string, pid: number) =>
  client.call('ContainerService', 'RegisterContainer', { id: name, name, labels: { app: name }, pid });

before(async () => {
  await daemon.start('--docker-socket=off');
});

after(async () => {
  client.close();
  await daemon.end('SIGTERM').catch(() => undefined);
});

const ACTORS = ['first process', 'its thread', 'its child', 'its grandchild'];
/** Each actor tries the same once the file of the next round exists, and prints the outcome. */
const TRIES = `use strict; use threads; use Socket; $| = 1;
sub try { my ($who) = @_;
  for (my $round = 1; ; $round++) {
    select(undef, undef, undef, 0.05) until -e "${directory}/round-$round";
    my $file = open(my $h, '<', '/etc/shadow') ? 'read' : "$!";
    my $socket = socket(my $s, AF_INET, SOCK_STREAM, 0) ? 'made' : "$!";
    print "$who: $file, $socket\\n";
  } }
fork() or do { fork() or try('its grandchild'); try('its child') };
threads->create(sub { try('its thread') });
try('first process');`;
/** Puts Perl into a memory file, and runs that. */
const FROM_MEMORY = `use IO::Handle; my $fd = syscall(${process.arch === 'arm64' ? 279 : 319}, my $name = 'memory', 0);
open(my $perl, '<:raw', $^X) or die; open(my $memory, '>&=:raw', $fd) or die;
{ local $/; my $bytes = <$perl>; print $memory $bytes; } close($perl); $memory->flush;
exec { "/proc/self/fd/$fd" } 'perl', '-e', $ARGV[0] or die $!;`;

/** The lines of the actors in one round, sorted. */
async function round(number: number, lines: AsyncIterator<string>): Promise<string[]> {
  writeFileSync(join(directory, `round-${number}`), '');
  const printed: string[] = [];
  while (printed.length < ACTORS.length) printed.push((await lines.next()).value);
  return printed.sort();
}

const all = (answer: string) => ACTORS.map((actor) => `${actor}: ${answer}`).sort();

test('once a process that runs from a memory file is registered, it is under the rules with its threads and children', async () => {
  await client.call('PolicyService', 'ApplyPolicy', {
    manifest: policy(
      'memory',
      'file: {matchPaths: [{path: /etc/shadow}]}\n  network: {matchProtocols: [{protocol: tcp}]}',
    ),
  });
  const script = ['perl', '-e', FROM_MEMORY, TRIES];
  const maker: ChildProcess = spawn('unshare', ['--mount', '--pid', '--fork', '--kill-child', ...script], {
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface({ input: maker.stdout! })[Symbol.asyncIterator]();
    assert.deepEqual(await round(1, lines), all('read, made'));
    await register('memory', Number(readFileSync(`/proc/${maker.pid}/task/${maker.pid}/children`, 'utf8')));
    assert.deepEqual(await round(2, lines), all('Permission denied, Permission denied'));
  } finally {
    maker.kill('SIGKILL');
    await once(maker, 'exit');
  }
});

/** Runs a shell script by `hauberk run`; returns its output and what it was refused. */
async function hauberkRun(flags: readonly string[], script: string) {
  const [out, report] = [join(directory, 'out'), join(directory, 'report')];
  const words = ['--report', report, '-o', 'json', '--', 'sh', '-c', `exec >${out} 2>&1; ${script}`];
  writeFileSync(out, '');
  const { status, errors } = await runHauberk(['--address', daemon.address, 'run', ...flags, ...words]);
  const refusals = readFileSync(report, 'utf8');
  const lines = refusals.split('\n').filter(Boolean);
  const refused = new Set<string>(lines.map((line) => JSON.parse(line).object.replace('/usr/bin/', '/bin/')));
  return { status, errors, output: readFileSync(out, 'utf8'), refused: [...refused].sort(), report: refusals };
}

test('hauberk run enforces from the first instruction of a command, and can learn the least policy under which it works', async () => {
  const hostname = readFileSync('/etc/hostname', 'utf8');
  // On an overlay the first lookup of a file needs a capability, which would otherwise count as use by the command.
  readFileSync('/etc/group');
  const file = join(directory, 'run.yaml');
  const rules = `file: {matchPaths: [{path: /etc/shadow}]}
  process: {matchPatterns: [{pattern: "/**/id"}]}`;
  writeFileSync(file, policy('build', rules));
  const ran = await hauberkRun(['--policy', file], 'cat /etc/shadow; id; cat /etc/hostname; exit 3');
  assert.deepEqual([ran.status, ran.errors, ran.refused], [3, '', ['/bin/id', '/etc/shadow']]);
  assert.ok(ran.output.endsWith(hostname), ran.output);
  // Even the exec of the command itself is refused.
  writeFileSync(file, policy('build', 'process: {matchPatterns: [{pattern: "/**/sh"}, {pattern: "/**/dash"}]}'));
  assert.equal((await hauberkRun(['--policy', file], 'true')).status, 126);

  await client.call('PolicyService', 'SetPosture', {
    namespace: 'build',
    postures: ['PROCESS', 'FILE', 'NETWORK', 'CAPABILITY'].map((each) => ({
      class: `ACCESS_CLASS_${each}`,
      action: 'ACTION_BLOCK',
    })),
  });
  const learnt = join(directory, 'learnt.yaml');
  assert.equal((await hauberkRun(['--learn', learnt], 'cat /etc/hostname')).status, 0);
  const again = await hauberkRun(['--policy', learnt, '-n', 'build'], 'cat /etc/hostname; cat /etc/group');
  assert.equal(again.status, 1, readFileSync(learnt, 'utf8'));
  assert.equal(again.output, `${hostname}cat: /etc/group: Permission denied\n`);
  assert.deepEqual([again.errors, again.refused], ['', ['/etc/group']], again.report);
});

/** A container of an OCI runtime whose program prints whether it may read a file of /proc. */
class OciContainer {
  readonly #bundle = mkdtempSync(join(directory, 'bundle-'));

  /** @param runtime the command in front of the runtime's own arguments */
  constructor(
    readonly name: string,
    readonly runtime: readonly string[],
  ) {
    const root = join(this.#bundle, 'rootfs');
    for (const each of ['bin', 'proc', 'dev', 'sys', 'tmp']) mkdirSync(join(root, each), { recursive: true });
    cpSync('/bin/busybox', join(root, 'bin/busybox'));
    for (const each of ['sh', 'cat', 'sleep']) symlinkSync('busybox', join(root, 'bin', each));
    this.run('spec', '--bundle', this.#bundle);
    const place = join(this.#bundle, 'config.json');
    const configuration = JSON.parse(readFileSync(place, 'utf8'));
    configuration.process.terminal = false;
    configuration.process.args = ['/bin/sh', '-c', 'cat /proc/version; echo end; sleep 100000'];
    writeFileSync(place, JSON.stringify(configuration));
  }

  run(...parameters: string[]): void {
    const [program, ...before] = [...this.runtime, '--root', join(directory, 'runtime'), ...parameters];
    const output = openSync(this.#outputFile, 'a');
    const { status } = spawnSync(program!, before, { stdio: ['ignore', output, output] });
    closeSync(output);
    assert.equal(status, 0, `${parameters[0]}: ${this.output}`);
  }

  get #outputFile(): string {
    return join(this.#bundle, 'output');
  }

  get output(): string {
    return existsSync(this.#outputFile) ? readFileSync(this.#outputFile, 'utf8') : '';
  }

  /** Creates it; returns its process, which waits before its first instruction. */
  create(): number {
    const file = join(this.#bundle, 'pid');
    this.run('create', '--bundle', this.#bundle, '--pid-file', file, this.name);
    return Number(readFileSync(file, 'utf8'));
  }

  async ended(): Promise<void> {
    for (let tries = 0; tries < 300 && !/^end$/m.test(this.output); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Refuses what a runtime does inside before it runs the container's program. */
const OF_THE_RUNTIME = `file:
    matchDirectories: [{dir: /proc/, recursive: true}, {dir: /dev/, recursive: true}, {dir: /sys/, recursive: true}, {dir: /run/, recursive: true}]
  network: {matchProtocols: [{protocol: all}]}
  capabilities: {matchCapabilities: [{capability: setuid}, {capability: setgid}, {capability: setpcap}]}`;

/** Runs a program of a newer Debian release with its own C library. */
const WITH_LIBRARY = `for each in ld-linux-x86-64.so.2 libc.so.6; do
  /bin/busybox mount --bind "$0/usr/lib/x86_64-linux-gnu/$each" "/usr/lib/x86_64-linux-gnu/$each" || exit
done; exec "$@"`;
const newer = (name: string) => execFileSync('tools/debian-package', ['sid', name], { encoding: 'utf8' }).trim();

const RUNTIMES = [
  ['runc of this Debian', () => ['runc']],
  [
    'runc 1.2 or later',
    () => [
      ...['unshare', '--mount', '/bin/busybox', 'sh', '-c', WITH_LIBRARY, newer('libc6')],
      join(newer('runc'), 'usr/sbin/runc'),
    ],
  ],
] as const;

const HOST_SECRET = '/tmp/host-secret';
const FOR_THE_HOST = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorHostPolicy
metadata: {name: on-host}
spec:
  nodeSelector: {matchLabels: {}}
  process: {matchPaths: [{path: /usr/bin/no-such-program}]}
  file: {matchPaths: [{path: ${HOST_SECRET}}]}`;

for (const [name, runtime] of RUNTIMES) {
  test(`${name} starts a container that was registered before, and only its program is under the rules`, async () => {
    await client.call('PolicyService', 'ApplyPolicy', { manifest: policy('created', OF_THE_RUNTIME) });
    const container = new OciContainer('created', runtime());
    try {
      await register('created', container.create());
      assert.equal(container.output, '');
      container.run('start', 'created');
      await container.ended();
      assert.match(container.output, /^cat: can't open '\/proc\/version': Permission denied\nend\n$/);
    } finally {
      container.run('delete', '--force', 'created');
    }
  });

  // A runtime runs a copy of itself that has no name on the host.
  test(`${name} starts a container under a policy for the host, with rules on programs and files`, async () => {
    const container = new OciContainer('on-host', runtime());
    writeFileSync(HOST_SECRET, 'secret');
    await client.call('PolicyService', 'ApplyPolicy', { manifest: FOR_THE_HOST });
    try {
      assert.equal(spawnSync('/bin/cat', [HOST_SECRET]).status, 1);
      container.create();
      container.run('start', 'on-host');
      await container.ended();
      assert.match(container.output, /^Linux version .*\nend\n$/);
    } finally {
      await client.call('PolicyService', 'DeletePolicy', { name: 'on-host', scope: 'SCOPE_HOST' });
      container.run('delete', '--force', 'on-host');
    }
  });
}
