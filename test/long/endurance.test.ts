import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, enter, startContainer } from '../support/docker.js';
import { eventually } from '../support/eventually.js';

const daemon = new Daemon();
let client = new Client(daemon.address);
let target: string;
/** The position in the stream from which all events of the loop are read at the end. */
let begin: { run: string; sequence: string };

const STREAMS = 500;
// Without a limit, so that every denial is an event of its own.
const FLAGS = ['--events-per-second=0', `--max-streams-per-client=${STREAMS + 10}`, '--requests-per-second=1000'];
const STREAMS_OF_A_CLIENT = 50;
const SHORT_CONTAINERS = 50;
const DAY_SECONDS = 86_400;
/** A manifest that takes more memory than the daemon may have in one of the tests. */
const LARGE = `# ${'x'.repeat(3 * 1024 * 1024)}`;

/** Tries twenty times a second until a file tells it to stop; then writes how often it tried and succeeded. */
const LOOP = `
  my ($tries, $through) = (0, 0);
  until (-e "/tmp/stop") {
    $tries++;
    $through++ if open(my $file, "<", "/etc/shadow");
    select(undef, undef, undef, 0.05);
  }
  open(my $counts, ">", "/tmp/counts.new");
  print $counts "$tries $through";
  close($counts);
  rename("/tmp/counts.new", "/tmp/counts");`;

const manifest = (name: string, path: string, more = '') => `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: ${name}}
spec: {selector: {matchLabels: {app: endurance}}, ${more} file: {action: Block, matchPaths: [{path: ${path}}]}}`;
const apply = (text: string) => client.call('PolicyService', 'ApplyPolicy', { manifest: text });
const reads = (path: string) => enter('endurance', '/bin/cat', path).status === 0;

async function restart(): Promise<void> {
  client.close();
  await daemon.start(...FLAGS);
  client = new Client(daemon.address);
}

/** Makes the attached programs look to the next daemon like those of another build. */
function makeProgramsForeign(name: string): void {
  const programs = join(daemon.pinDirectory, 'programs');
  const build = readdirSync(programs)[0]!;
  renameSync(join(programs, build), join(programs, name));
}

/** All that is pinned. */
const pins = () =>
  existsSync(daemon.pinDirectory) ? readdirSync(daemon.pinDirectory, { recursive: true }).map(String).toSorted() : [];

const limitOfDescriptors = (pid: number) =>
  Number(
    execFileSync('prlimit', ['--pid', `${pid}`, '--nofile', '--output=SOFT', '--noheadings'], { encoding: 'utf8' }),
  );
const limitDescriptors = (pid: number, number: number) =>
  execFileSync('prlimit', ['--pid', `${pid}`, `--nofile=${number}:`]);

/** The lowest number that a process has no descriptor of: a limit there leaves no free one. */
function firstFreeDescriptor(pid: number): number {
  const held = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
  let free = 0;
  while (held.has(free)) free++;
  return free;
}

/** Whether a new client is served. */
async function answers(): Promise<boolean> {
  const other = new Client(daemon.address);
  try {
    await other.call('HostService', 'GetStatus');
    return true;
  } catch {
    return false;
  } finally {
    other.close();
  }
}

const linesOf = (text: string, pattern: RegExp) => text.split('\n').filter((line) => pattern.test(line));

const foreignAreGone = (name: string) =>
  eventually(() => !existsSync(join(daemon.pinDirectory, 'programs', name)), `the end of the build ${name}`, 240_000);

describe('while a loop tries blocked opens', () => {
  before(async () => {
    execFileSync('tools/vm/docker', { stdio: 'inherit' });
    execFileSync('tools/vm/image', ['endurance', '/bin/cat', '/bin/sleep', '/usr/bin/perl'], { stdio: 'inherit' });
    target = startContainer('endurance', 'endurance', '--label', 'app=endurance');
    await daemon.start(...FLAGS);
    await apply(manifest('endurance', '/etc/shadow'));
    const stream = await client.stream({ containerIds: [target] });
    const first = once(stream.call, 'data') as Promise<[{ position: typeof begin }]>;
    assert.equal(reads('/etc/shadow'), false);
    [{ position: begin }] = await first;
    stream.cancel();
    docker('exec', '-d', 'endurance', '/usr/bin/perl', '-e', LOOP);
  });

  after(async () => {
    client.close();
    await daemon.end('SIGTERM').catch(() => undefined);
    docker('rm', '-f', 'endurance');
  });

  test(`${STREAMS} streams are served at once, and a change takes effect meanwhile`, async () => {
    const clients = Array.from({ length: STREAMS / STREAMS_OF_A_CLIENT }, () => new Client(daemon.address));
    const streams: EventStream[] = [];
    for (const each of clients)
      for (let count = 0; count < STREAMS_OF_A_CLIENT; count++)
        streams.push(await each.stream({ policies: ['streamed'] }));
    const served = new RegExp(`^hauberk_event_streams ${STREAMS}$`, 'm');
    await eventually(async () => served.test(await daemon.metrics()), `${STREAMS} streams`);
    await apply(manifest('streamed', '/etc/hostname'));
    assert.equal(reads('/etc/hostname'), false);
    for (const stream of streams) await stream.find(({ policy }) => policy === 'streamed');
    for (const stream of streams) stream.cancel();
    for (const each of clients) each.close();
    await client.call('PolicyService', 'DeletePolicy', { name: 'streamed' });
  });

  test(`of ${SHORT_CONTAINERS} short containers started at once none is left, and each was reported`, async () => {
    const known = async () => {
      const { containers } = await client.call('ContainerService', 'ListContainers');
      return containers.filter(({ name }: { name: string }) => name.startsWith('short-')).length;
    };
    const names = Array.from({ length: SHORT_CONTAINERS }, (_, number) => `short-${number}`);
    const inDocker = (...parameters: string[]) =>
      once(spawn('/usr/bin/docker', parameters, { stdio: 'ignore' }), 'exit');
    for (const name of names)
      docker(
        'create',
        '--name',
        name,
        '--network=none',
        '--label',
        'app=endurance',
        'endurance',
        '/bin/sleep',
        '100000',
      );
    await Promise.all(names.map((name) => inDocker('start', name)));
    await eventually(async () => (await known()) === SHORT_CONTAINERS, 'all of them', 120_000);
    assert.equal(enter(names[0]!, '/bin/cat', '/etc/shadow').status === 0, false);
    await Promise.all(names.map((name) => inDocker('rm', '-f', name)));
    await eventually(async () => (await known()) === 0, 'the end of all of them', 120_000);
  });

  test('after the BPF file system is unmounted the pins are restored, and the next daemon takes over', async () => {
    const before = pins().join();
    execFileSync('umount', ['--lazy', '/sys/fs/bpf']);
    assert.equal(reads('/etc/shadow'), false);
    await eventually(() => pins().join() === before, 'the pins', 120_000);
    assert.equal(await daemon.end('SIGTERM'), 0);
    assert.equal(reads('/etc/shadow'), false);
    await restart();
    assert.equal((await client.call('HostService', 'GetStatus')).adopted, true);
  });

  test('after a daemon is killed, the next takes over', async () => {
    assert.equal(await daemon.end('SIGKILL'), 'SIGKILL');
    await restart();
  });

  test('after a daemon of another build is killed while it takes over, the next completes the takeover', async () => {
    await daemon.end('SIGKILL');
    const programs = join(daemon.pinDirectory, 'programs');
    makeProgramsForeign('older');
    daemon.spawn(...FLAGS);
    // Its own programs are being attached beside those of the other build.
    await eventually(() => readdirSync(programs).length > 1, 'the first program of the new build', 240_000);
    assert.equal(await daemon.end('SIGKILL'), 'SIGKILL');
    await restart();
    await foreignAreGone('older');
    assert.equal(reads('/etc/shadow'), false);
  });

  test('an older build takes over again', async () => {
    await daemon.end('SIGTERM');
    makeProgramsForeign('newer');
    await restart();
    await foreignAreGone('newer');
  });

  test('with a state directory that cannot be written no daemon starts, the cause is named, and the enforcement continues', async () => {
    const { stateDirectory } = daemon;
    await daemon.end('SIGTERM');
    execFileSync('mount', ['--bind', stateDirectory, stateDirectory]);
    execFileSync('mount', ['-o', 'remount,bind,ro', stateDirectory]);
    try {
      await assert.rejects(daemon.start(...FLAGS), /read-only|EROFS/iu);
      assert.equal(reads('/etc/shadow'), false);
    } finally {
      await daemon.end('SIGKILL');
      execFileSync('umount', [stateDirectory]);
    }
    await restart();
  });

  test('without free descriptors the daemon continues to serve the clients it has, and others once there are some', async () => {
    await client.call('HostService', 'GetStatus');
    const { pid } = daemon;
    const before = limitOfDescriptors(pid);
    try {
      // Again if the daemon has closed a lower descriptor meanwhile.
      await eventually(async () => {
        limitDescriptors(pid, firstFreeDescriptor(pid));
        return !(await answers());
      }, 'a client that is not served');
      await client.call('HostService', 'GetStatus');
      assert.equal(reads('/etc/shadow'), false);
    } finally {
      limitDescriptors(pid, before);
    }
    await eventually(answers, 'a client that is served');
  });

  test('after a daemon is killed for lack of memory, the next takes over', async () => {
    writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory');
    const group = '/sys/fs/cgroup/hauberk-short-of-memory';
    mkdirSync(group);
    try {
      writeFileSync(join(group, 'memory.swap.max'), '0');
      writeFileSync(join(group, 'memory.max'), '8M');
      writeFileSync(join(group, 'cgroup.procs'), `${daemon.pid}`);
      let end: number | string | undefined;
      void daemon.ended().then((how) => {
        end = how;
      });
      // Memory that a process had before still counts for its earlier group: these need more.
      await eventually(
        async () => {
          const requests = Array.from({ length: 4 }, () =>
            client.call('PolicyService', 'ValidatePolicy', { manifest: LARGE }).catch(() => undefined),
          );
          await Promise.race([Promise.all(requests), sleep(5000)]);
          return end !== undefined;
        },
        'the end of the daemon',
        240_000,
      );
      assert.equal(end, 'SIGKILL');
      assert.match(readFileSync(join(group, 'memory.events'), 'utf8'), /^oom_kill [1-9]/mu);
      assert.equal(reads('/etc/shadow'), false);
    } finally {
      // Where the test has failed the daemon may still be there.
      await daemon.end('SIGKILL');
      await eventually(() => readFileSync(join(group, 'cgroup.procs'), 'utf8') === '');
      rmdirSync(group);
    }
    await restart();
  });

  test('a policy expires when the clock is set forward, and does not come back when it is set back', async () => {
    const setClock = (seconds: number) =>
      execFileSync('date', ['--set', `@${Math.round(Date.now() / 1000) + seconds}`], { stdio: 'ignore' });
    const expires = new Date(Date.now() + (DAY_SECONDS * 1000) / 2).toISOString().replace(/\.\d+/u, '');
    await apply(manifest('expiring', '/etc/group', `expires: "${expires}",`));
    assert.equal(reads('/etc/group'), false);
    setClock(DAY_SECONDS);
    try {
      await eventually(() => reads('/etc/group'), 'the end of the policy', 120_000);
      const events = await client.stream({ containerIds: [target] });
      const { time } = await events.find(({ object }) => object === '/etc/shadow');
      events.cancel();
      assert.ok(Math.abs(Number(time.seconds) - Date.now() / 1000) < DAY_SECONDS / 4, `${time.seconds}`);
    } finally {
      setClock(-DAY_SECONDS);
    }
    await sleep(2000);
    assert.equal(reads('/etc/group'), true);
  });

  test('no open has succeeded, each has exactly one event, and no number of an event is left out', async () => {
    // Without a filter, which would leave out the numbers of other events.
    const all = await client.stream({ resumeAfter: begin });
    enter('endurance', '/usr/bin/perl', '-e', 'open(my $stop, ">", "/tmp/stop")');
    const counts = () => enter('endurance', '/bin/cat', '/tmp/counts');
    await eventually(() => counts().status === 0, 'the end of the loop');
    const [tries, through] = counts().output.split(' ').map(Number);
    const ofLoop = () =>
      all.events.filter(
        ({ containerId, object, comm }) => containerId === target && object === '/etc/shadow' && comm === 'perl',
      );
    await eventually(() => ofLoop().length + all.missed >= tries!, 'an event for each try', 120_000);
    await sleep(1000);
    all.cancel();
    assert.ok(tries! > 0);
    assert.equal(through, 0);
    assert.equal(all.missed, 0, linesOf(daemon.log, /numbers of events/).join('\n'));
    assert.equal(ofLoop().length, tries);
    const first = Number(begin.sequence) + 1;
    const numbers = all.events.map(({ sequence }) => Number(sequence));
    assert.deepEqual(
      numbers,
      Array.from(numbers, (_, index) => first + index),
    );
  });
});
