import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { EventHub } from '../../../src/events/hub.js';
import { type ServerOptions, startServer } from '../../../src/rpc/server.js';
import { createServices } from '../../../src/rpc/services.js';
import { eventually } from '../../support/eventually.js';
import { InMemoryControlPlane } from '../../support/in-memory-control-plane.js';
import { makeEvent } from '../events/support.js';
import { DESCRIPTORS, LogRecorder, manifest, temporaryDirectory } from '../rpc/support.js';
import { run, start } from './support.js';

const script = (text: string) => ['--', '/bin/sh', '-c', text];

test('hauberk run gives a command its own namespaces, exits with its status, and removes what it has created', async (t) => {
  const { hauberk, plane, directory, write } = await start(t);
  const out = join(directory, 'out');
  const file = write('one.yaml', manifest('one').replace('app: web', 'app: nobody'));
  const { status, errors } = await hauberk(
    ...['run', '--policy', file, '--label', 'app=build', '--name', 'build'],
    ...script(`echo $$ >${out}; test -d /proc/self && ls -d /proc/[0-9]* >>${out}; sleep 100 & exit 7`),
  );
  assert.equal(errors, '');
  assert.equal(status, 7);
  // The first process waits for the end, and processes that the command left behind are killed.
  assert.match(readFileSync(out, 'utf8'), /^2\n\/proc\/1\n\/proc\/2\n/u);
  await eventually(() => plane.containers.list().length === 0);
  assert.equal(plane.policies.list().length, 0);
  const [put] = plane.commits.flatMap(({ putPolicies = [] }) => putPolicies);
  assert.match(put!.policy.name, /^one-run-[0-9a-f]{8}$/u);
  const containers = plane.commits.flatMap(({ putContainers = [] }) => putContainers);
  assert.equal(containers[0]!.name, 'build');
  assert.equal(containers[0]!.labels.app, 'build');
  assert.equal(put!.policy.matchLabels['hauberk.io/run'], containers[0]!.id);
});

test('hauberk run forwards signals, and reports a command that is killed or not found', async (t) => {
  const { hauberk, directory } = await start(t);
  const ready = join(directory, 'ready');
  const ended = hauberk('run', ...script(`trap 'exit 9' HUP; echo >${ready}; while :; do sleep 0.05; done`));
  await eventually(() => existsSync(ready));
  process.emit('SIGHUP', 'SIGHUP');
  assert.equal((await ended).status, 9);
  assert.equal((await hauberk('run', ...script('kill -9 $$'))).status, 137);
  assert.equal((await hauberk('run', '--', join(directory, 'none'))).status, 127);
  assert.equal((await hauberk('run', '--', directory)).status, 126);
});

test('a command that was interrupted before it began does not run', async (t) => {
  const out = join(temporaryDirectory(t), 'out');
  const words = ['/bin/sh', '-c', `echo >${out}`];
  const helper = spawn('build/run/hauberk-run', words, { stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'] });
  await once(helper.stdio[3]!, 'data');
  helper.kill('SIGTERM');
  await once(helper, 'exit');
  assert.equal(existsSync(out), false);
});

test('processes in the namespaces end with hauberk run, even if their first process does not', async (t) => {
  const stdio = ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'] as const;
  const helper = spawn('build/run/hauberk-run', ['/bin/true'], { stdio: [...stdio] });
  let reports = '';
  (helper.stdio[3] as Readable).on('data', (data) => (reports += data));
  await eventually(() => /ready/u.test(reports) && /mounted/u.test(reports));
  const first = Number(/ready (\d+)/u.exec(reports)![1]);
  process.kill(first, 'SIGSTOP');
  t.after(() => helper.kill('SIGKILL'));
  (helper.stdio[4] as Writable).end();
  await once(helper, 'exit');
  assert.equal(existsSync(`/proc/${first}`), false);
});

test('hauberk run deletes no policy as long as a process runs in the namespaces', async (t) => {
  const { hauberk, plane, write } = await start(t);
  const left: boolean[] = [];
  const remove = plane.policies.delete.bind(plane.policies);
  plane.policies.delete = (...all) => {
    const { process: first } = plane.commits.flatMap(({ putContainers = [] }) => putContainers)[0]!;
    left.push(existsSync(`/proc/${first!.pid}`));
    return remove(...all);
  };
  assert.equal((await hauberk('run', '--policy', write('one.yaml', manifest('one')), ...script('true'))).status, 0);
  assert.deepEqual(left, [false]);
});

test('hauberk run lists only refusals of its own command', async (t) => {
  const { hauberk, hub, plane, write, directory } = await start(t);
  const go = join(directory, 'go');
  const report = join(directory, 'report');
  const ended = hauberk('run', '--report', report, '-o', 'json', ...script(`until [ -e ${go} ]; do sleep 0.05; done`));
  await eventually(() => plane.containers.list().length === 1 && hub.counts().subscribers === 1);
  const [{ id, name } = assert.fail()] = plane.containers.list();
  const denied = { containerName: name, action: 'Block', result: 'denied' } as const;
  hub.publish([
    makeEvent({ ...denied, containerId: id, object: '/etc/shadow' }),
    makeEvent({ ...denied, containerId: 'another', object: '/etc/gshadow' }),
  ]);
  write('go', '');
  assert.equal((await ended).status, 0);
  const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).object),
    ['/etc/shadow'],
  );
});

test('hauberk run exits with the status of its command even if hauberkd has ended, and reports what it could not remove', async (t) => {
  const { hauberk, hub, server, write, directory } = await start(t);
  const go = join(directory, 'go');
  const file = write('one.yaml', manifest('one'));
  const ended = hauberk('run', '--policy', file, ...script(`until [ -e ${go} ]; do sleep 0.05; done; exit 4`));
  await eventually(() => hub.counts().subscribers === 1);
  await server.shutdown(0);
  write('go', '');
  const { status, errors } = await ended;
  assert.equal(status, 4);
  assert.match(
    errors,
    /^hauberk: more may have been refused: .*\nhauberk: policy cli:default\/one-run-.* is still there: /u,
  );
});

test('hauberk run removes what killed runs have left, and nothing of runs that continue', async (t) => {
  const { hauberk, plane, hub, write, directory } = await start(t);
  const [go, file] = [join(directory, 'go'), write('one.yaml', manifest('one'))];
  const waits = script(`until [ -e ${go} ]; do sleep 0.05; done`);
  const other = hauberk('run', '--policy', file, '--learn', join(directory, 'other'), ...waits);
  await eventually(() => hub.counts().subscribers === 1);
  const names = () => [plane.policies.list(), plane.profiles.list()].map((each) => each.map(({ name }) => name).sort());
  const kept = names();
  const left = manifest('left').replace('app: web', 'hauberk.io/run: run-0badcafe');
  await hauberk('apply', '-f', write('left.yaml', left));
  await hauberk('apply', '-f', write('mine.yaml', manifest('mine').replace('app: web', 'hauberk.io/run: mine')));
  assert.equal(names()[0]!.length, 3);
  assert.equal(
    (await hauberk('run', '--policy', file, '--learn', join(directory, 'new'), ...script('true'))).status,
    0,
  );
  assert.deepEqual(names(), [[...kept[0]!, 'mine'].sort(), kept[1]]);
  write('go', '');
  assert.deepEqual((await other).status, 0);
  assert.deepEqual(names(), [['mine'], []]);
});

test('hauberk run removes only what a run has left, whatever labels policies of Kubernetes have', async (t) => {
  const { hauberk, plane, write } = await start(t);
  const [mine] = plane.policies.readManifest(manifest('one'));
  const [existing] = plane.policies.readManifest(manifest('one').replace('app: web', 'hauberk.io/run: run-0badcafe'));
  await plane.policies.apply([mine!, { ...existing!, policy: { ...existing!.policy, origin: 'kubernetes' } }]);
  const file = write('other.yaml', manifest('other'));
  assert.equal((await hauberk('run', '--policy', file, ...script('true'))).status, 0);
  assert.equal(plane.policies.list().length, 2);
});

/** The address of an in-memory daemon whose client is not root on a Unix socket. */
async function serveAt(
  t: TestContext,
  options: Pick<ServerOptions, 'listen' | 'insecureTcp' | 'roles'>,
): Promise<string> {
  const plane = new InMemoryControlPlane();
  const { services, close } = createServices({ plane, hub: new EventHub(), descriptorSet: DESCRIPTORS });
  t.after(close);
  const server = await startServer({ ...options, services, logger: new LogRecorder() });
  t.after(() => server.shutdown(0));
  return server.address;
}

test('hauberk run needs the hauberkd of its own host', async (t) => {
  const address = await serveAt(t, { listen: '127.0.0.1:0', insecureTcp: { role: 'admin' } });
  const { status, errors } = await run(address, ['run', ...script('exit 0')]);
  assert.equal(status, 125);
  assert.match(errors, /child_pid.*needs the Unix socket of this host's hauberkd/u);
});

const asRoot = { skip: process.getuid!() !== 0 && 'only root can change its root' };
test('the helper of hauberk run says that it does not work in a chroot', asRoot, (t) => {
  const directory = temporaryDirectory(t);
  copyFileSync('build/run/hauberk-run', join(directory, 'hauberk-run'));
  const { status, stderr } = spawnSync('/usr/sbin/chroot', [directory, '/hauberk-run', '/true'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  assert.equal(stderr, 'hauberk: / is not a mount point: hauberk run does not work in a chroot\n');
  assert.equal(status, 125);
});

const asOther = { skip: process.getuid!() !== 0 && 'only root can be somebody else' };
test('hauberk run works for an operator who is not root', asOther, async (t) => {
  const directory = temporaryDirectory(t);
  chmodSync(directory, 0o755);
  const roles = { viewer: [], operator: ['uid:6001'], admin: [] };
  const address = await serveAt(t, { listen: `unix:${join(directory, 'test.sock')}`, roles });
  const user = ['--reuid=6001', '--regid=6001', '--clear-groups', process.execPath, 'build/program/hauberk.js'];
  const child = spawn('setpriv', [...user, '--address', address, 'run', ...script('id -u; exit 5')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  assert.deepEqual([child.exitCode, output, errors], [5, '6001\n', '']);
});

test('hauberk run writes the policy that it has learnt', async (t) => {
  const { hauberk, plane, directory } = await start(t);
  const file = join(directory, 'learnt.yaml');
  assert.equal((await hauberk('run', '--learn', file, '-n', 'shop', ...script('true'))).status, 0);
  assert.match(readFileSync(file, 'utf8'), /kind: KubeArmorPolicy\n.*name: sh\n.*namespace: shop\n.*app: sh\n/su);
  assert.equal(plane.profiles.list().length, 0);
});

test('hauberk run does not run a command that it cannot put under its policies', async (t) => {
  const { hauberk, plane, write, directory } = await start(t);
  const out = join(directory, 'out');
  const touch = script(`echo >${out}`);
  const wrong = write('wrong.yaml', manifest('one').replace('/etc/shadow', 'etc/shadow'));
  const host = write(
    'host.yaml',
    'apiVersion: security.kubearmor.com/v1\nkind: KubeArmorHostPolicy\nmetadata: {name: h}\nspec: {nodeSelector: {matchLabels: {}}, file: {matchPaths: [{path: /x}]}}\n',
  );
  const refused = await hauberk('run', '--policy', wrong, ...touch);
  assert.equal(refused.status, 125);
  assert.match(refused.errors, /wrong\.yaml:\d+:\d+: spec\.file/u);
  assert.match((await hauberk('run', '--policy', host, ...touch)).errors, /h is a policy for the host/u);
  const alone = await run('unix:/no/such/socket', ['run', ...touch]);
  assert.equal(alone.status, 125);
  assert.match(alone.errors, /cannot reach hauberkd/u);
  plane.kernel.failure = new Error('no memory');
  assert.equal((await hauberk('run', ...touch)).status, 125);
  plane.kernel.failure = undefined;
  assert.equal(existsSync(out), false);
});
