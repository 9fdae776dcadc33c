import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Client, type EventStream, type ReceivedEvent } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, enter, startContainer } from '../support/docker.js';
import { eventually } from '../support/eventually.js';
import { type Decoded, type Followed, KubearmorClient } from '../support/kubearmor-client.js';
import { PERL_LIBRARY, perl } from '../support/perl.js';

const CLASSES = ['ACCESS_CLASS_PROCESS', 'ACCESS_CLASS_FILE', 'ACCESS_CLASS_NETWORK', 'ACCESS_CLASS_CAPABILITY'];
const WORK = perl(`for (1 .. 5) { open(my $file, '<', '/etc/hostname') or fail() }
for (1 .. 3) { my $s = make(AF_INET, SOCK_STREAM, 0); connect($s, address('127.0.0.1', 9)) }
say 'done'`);

const daemon = new Daemon();
const client = new Client(daemon.address);
const kubearmorAddress = `unix:${join(daemon.directory, 'kubearmor.sock')}`;
let kubearmor: KubearmorClient;
let logs: Followed;
let telemetry: EventStream;
let events: EventStream;
let seen: string;

before(async () => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  execFileSync('tools/vm/image', ['telemetry', '/usr/bin/perl', '/bin/sleep'], { stdio: 'inherit' });
  const flags = ['-v', `${PERL_LIBRARY}:${PERL_LIBRARY}:ro`];
  seen = startContainer('telemetry', 'seen', '--label', 'app=seen', ...flags);
  startContainer('telemetry', 'unseen', ...flags);
  await daemon.start('--kubearmor-listen', kubearmorAddress, '--telemetry-window=1', '--telemetry-limit=100');
  kubearmor = new KubearmorClient(kubearmorAddress);
  logs = kubearmor.watchLogs('system');
  await logs.opened;
  telemetry = await client.stream({ includeTelemetry: true });
  events = await client.stream();
});

after(async () => {
  for (const stream of [telemetry, events]) stream?.cancel();
  client.close();
  kubearmor?.close();
  await daemon.end('SIGTERM');
  for (const name of ['seen', 'unseen']) docker('rm', '-f', name);
});

function work(container: string): void {
  assert.deepEqual(enter(container, '/usr/bin/perl', '-e', WORK), { status: 0, output: 'done\n' });
}

const logged = (wanted: Partial<Decoded>) =>
  logs.received.filter((log) => Object.entries(wanted).every(([key, value]) => log[key] === value));
const opened = () => telemetry.events.filter(({ object }) => object === '/etc/hostname') as Telemetry[];
type Telemetry = ReceivedEvent & { readonly count: string; readonly operations: string[] };
const sum = (reported: readonly Telemetry[]) => reported.reduce((total, { count }) => total + Number(count), 0);

function see(classes: readonly string[]): Promise<unknown> {
  const setting = { namespace: 'default', matchLabels: { app: 'seen' }, classes };
  return client.call('TelemetryService', 'SetVisibility', setting);
}

test('allowed accesses are not reported unless telemetry is on', async () => {
  work('seen');
  assert.match(await daemon.metrics(), /hauberk_containers_visible 0\n/);
  assert.deepEqual([logs.received, telemetry.events], [[], []]);
});

test('each access of a visible container is reported with its count, and none of another container', async () => {
  await see(CLASSES);
  const { effective } = await client.call('TelemetryService', 'GetVisibility', { containerId: seen });
  assert.deepEqual(effective, CLASSES);
  work('unseen');
  work('seen');
  await eventually(() => sum(opened()) === 5, 'the file that was opened');
  const connected = { Resource: 'remoteip=127.0.0.1 port=9 protocol=TCP', Operation: 'Network' };
  await eventually(() => logged(connected).length > 0, 'the connection');
  const total = logged(connected).reduce((all, { EventData }) => all + Number((EventData as Decoded).Count), 0);
  assert.equal(total, 3);
  assert.match(logged(connected)[0]!.Data as string, /^kprobe=tcp_connect domain=AF_INET/);
  const [file] = logged({ Resource: '/etc/hostname' });
  assert.match(file!.Data as string, /^syscall=SYS_OPENAT flags=O_RDONLY/);
  const { Type, Result, ContainerName, ProcessName, Operation } = file!;
  assert.deepEqual([Type, Result, ContainerName], ['ContainerLog', 'Passed', 'seen']);
  assert.deepEqual([ProcessName, Operation], ['/usr/bin/perl', 'File']);
  assert.equal(logged({ Operation: 'Process', ProcessName: '/usr/bin/perl' }).length, 1);
  // Two, if the work did not end in the window in which it began.
  assert.ok(opened().length <= 2);
  assert.deepEqual(opened()[0]!.operations, ['read']);
  assert.deepEqual(logged({ ContainerName: 'unseen' }), []);
  assert.deepEqual(events.events, []);
});

test('a profile and telemetry of one container each count every access', async () => {
  await see([]);
  await client.call('ProfileService', 'StartProfile', { name: 'both', containerId: seen });
  work('seen');
  await see(CLASSES);
  telemetry.clear();
  work('seen');
  await eventually(() => sum(opened()) === 5, 'the accesses that the profile had learnt before');
  const { containers } = await client.call('ProfileService', 'GetProfile', { name: 'both' });
  const learnt = containers[0].accesses.filter(({ object }: { object: string }) => object === '/etc/hostname');
  assert.deepEqual(
    learnt.map(({ count, operations }: Telemetry) => [count, operations]),
    [['10', ['read']]],
  );
  await client.call('ProfileService', 'DeleteProfile', { name: 'both' });
  work('seen');
  await eventually(() => sum(opened()) === 10, 'the accesses after the profile');
});

test('reports about a container that opens ever new files are limited, and the number of unreported ones is given', async () => {
  const script = `mkdir '/many'; for (1 .. 1000) { open(my $file, '>', "/many/$_") }`;
  assert.equal(enter('seen', '/usr/bin/perl', '-e', script).status, 0);
  const limits = () => telemetry.events.filter(({ policy }) => policy === 'TelemetryLimit');
  await eventually(() => limits().length > 0, 'the number of unreported accesses');
  assert.match(limits()[0]!.message, /more than 100 different ones in 1 seconds/);
  assert.match(await daemon.metrics(), /hauberk_telemetry_dropped_total\{cause="limit"\} [1-9]/);
  assert.match(await daemon.metrics(), /hauberk_events_dropped_total\{cause="ring_full"\} 0\n/);
});

test('a container that is no longer visible is not reported', async () => {
  await client.call('TelemetryService', 'SetVisibility', {
    namespace: 'default',
    matchLabels: { app: 'seen' },
    reset: true,
  });
  const { settings, effective } = await client.call('TelemetryService', 'GetVisibility', { containerId: seen });
  assert.deepEqual([settings, effective], [[], []]);
  assert.match(await daemon.metrics(), /hauberk_containers_visible 0\n/);
});
