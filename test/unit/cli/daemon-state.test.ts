import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import type { TestTerminal } from '../../support/command-line.js';
import { eventually } from '../../support/eventually.js';
import { POSTURES } from '../../support/in-memory-control-plane.js';
import { makeEvent } from '../events/support.js';
import { manifest } from '../rpc/support.js';
import { run, start, web } from './support.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };

test('hauberk posture sets and resets the named classes, and keeps the others', async (t) => {
  const { hauberk, plane } = await start(t);
  const set = (...values: string[]) => hauberk('posture', 'set', 'shop', ...values);
  assert.equal((await set('file=block', 'capability=audit')).output, 'posture of shop: file=block capability=audit\n');
  await set('network=audit', 'capabilities=default');
  assert.deepEqual(plane.policies.postures().get('shop'), { file: 'block', network: 'audit' });
  assert.match((await hauberk('posture', 'get')).output, /^shop +block +audit *$/mu);
  const [held] = JSON.parse((await hauberk('posture', 'get', 'shop', '-o', 'json')).output);
  assert.deepEqual(held.postures, { PROCESS: 'BLOCK', FILE: 'BLOCK', NETWORK: 'AUDIT', CAPABILITY: 'AUDIT' });
  assert.equal((await hauberk('posture', 'reset', 'shop')).output, "posture of shop: the daemon's own\n");
  assert.equal(plane.policies.postures().get('shop'), undefined);
});

test('hauberk posture shows settings of Kubernetes, for all namespaces and for one, which those of clients override', async (t) => {
  const { hauberk, plane } = await start(t);
  await plane.policies.syncAnnotatedPostures(
    new Map([
      ['*', { file: 'block', network: 'audit', capabilities: 'block' }],
      ['shop', { network: 'block', capabilities: 'audit' }],
    ]),
  );
  await hauberk('posture', 'set', 'shop', 'capability=block');
  const heldIn = async (namespace: string) => {
    const [held] = JSON.parse((await hauberk('posture', 'get', namespace, '-o', 'json')).output);
    const { FILE, NETWORK, CAPABILITY } = held.postures;
    return [FILE, NETWORK, CAPABILITY];
  };
  assert.deepEqual(await heldIn('shop'), ['BLOCK', 'BLOCK', 'BLOCK']);
  assert.deepEqual(await heldIn('other'), ['BLOCK', 'AUDIT', 'BLOCK']);
  for (const namespace of ['shop', 'other']) {
    const { file, network, capabilities } = plane.policies.posturesFor(namespace);
    const held = [file, network, capabilities].map((posture) => posture.toUpperCase());
    assert.deepEqual(await heldIn(namespace), held);
  }
  assert.deepEqual(plane.policies.posturesFor(''), POSTURES, 'the host is in no namespace');
});

test('hauberk posture refuses an unknown class or action, and changes nothing', async (t) => {
  const { hauberk, plane } = await start(t);
  for (const wrong of ['file', 'files=block', 'file=deny', 'toString=block', 'file=constructor', '=block']) {
    const { status, errors } = await hauberk('posture', 'set', 'shop', 'network=audit', wrong);
    assert.equal(status, 2, wrong);
    assert.ok(errors.startsWith(`hauberk: ${wrong}: must be CLASS=ACTION`), errors);
  }
  assert.equal((await hauberk('posture', 'set', 'No Namespace', 'file=audit')).status, 1);
  assert.equal(plane.policies.postures().size, 0);
});

test('hauberk container registers by a process or by namespaces, and unregisters', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await hauberk('apply', '-f', write('one.yaml', manifest('one')));
  const register = (...parameters: string[]) => hauberk('container', 'register', ...parameters);
  const { output } = await register('b1', '--namespaces', '11:12', '--labels', 'app=web', '--name', 'build');
  assert.equal(output, 'container b1 registered, policies: cli:default/one\n');
  assert.match(
    (await register('b1', '--namespaces', '11:12', '--labels', 'app=web', '--name', 'build')).output,
    /unchanged/u,
  );
  const byPid = await register('b2', '--pid', String(process.pid));
  assert.equal(byPid.output, 'container b2 registered, no policy reaches it\n');
  for (const wrong of [[], ['--pid', '1', '--namespaces', '1:2'], ['--pid', 'x'], ['--namespaces', '12']])
    assert.equal((await register('b3', ...wrong)).status, 2, wrong.join(' '));
  assert.equal(
    (await hauberk('container', 'unregister', 'build', 'b2')).output,
    'container b1 unregistered\ncontainer b2 unregistered\n',
  );
  assert.equal(plane.containers.list().length, 0);
  assert.equal((await hauberk('container', 'unregister', 'b1')).status, 1);
});

test('hauberk version shows the version of the command and of the daemon, or only of the command if no daemon answers', async (t) => {
  const { hauberk } = await start(t);
  assert.match((await hauberk('version')).output, /^client +\S+ +node \S+\nserver +1\.2\.3 +kernel 6\.1\.0-test\n$/u);
  assert.equal(JSON.parse((await hauberk('version', '-o', 'json')).output).server.version, '1.2.3');
  const alone = await run('unix:/no/such/socket', ['version', '-o', 'yaml']);
  assert.equal(alone.status, 3);
  assert.deepEqual(Object.keys(parse(alone.output)), ['client']);
  assert.deepEqual(await run('unix:/no/such/socket', ['version', '--client']).then(({ status }) => status), 0);
});

test('hauberk get prints names that other commands accept, and more columns on request', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await plane.tracker.register(web, NAMESPACES);
  await hauberk('apply', '-f', write('one.yaml', manifest('one').replace('spec:', 'spec:\n  mode: audit')));
  assert.equal((await hauberk('get', 'policies', '-o', 'name')).output, 'cli:default/one\n');
  assert.equal((await hauberk('get', 'policy', 'one', '-o', 'name')).output, 'cli:default/one\n');
  assert.equal((await hauberk('get', 'containers', '-o', 'name')).output, 'c1deadbeef\n');
  const wide = (await hauberk('get', 'policies', '-o', 'wide')).output;
  assert.match(wide, /SCOPE +MODE +PRIORITY +EXPIRES +VERSION +RULES +SELECTOR +GUARDS\n/u);
  assert.match(wide, /namespace +audit +0 +- +2 +1 +app=web +on\n$/u);
  assert.match(
    (await hauberk('get', 'containers', '-o', 'wide')).output,
    /cli:default\/one +app=web +\S+Z +11 +12 +\d+\n$/u,
  );
  assert.equal(parse((await hauberk('get', 'containers', '-o', 'yaml')).output)[0].name, 'web-1');
  assert.equal((await hauberk('get', 'postures', '-o', 'name')).output, '(every other)\n');
  assert.match((await hauberk('get', 'postures', '-o', 'wide')).output, /^NAMESPACE +PROCESS +FILE/u);
  assert.equal((await hauberk('get', 'containers', '-o', 'xml')).status, 2);
});

test('hauberk get -w reports additions, changes and removals, in every format', async (t) => {
  const { live, plane } = await start(t);
  await plane.tracker.register(web, NAMESPACES);
  const formats = ['table', 'wide', 'name', 'json', 'yaml'] as const;
  const running = formats.map((format) => live(['get', 'containers', '-w', '-o', format]));
  const everywhere = (isSo: (terminal: TestTerminal) => boolean) =>
    eventually(() => running.every(({ terminal }) => isSo(terminal)));
  await everywhere(({ output }) => output.includes('c1deadbeef'));
  await plane.tracker.register({ ...web, id: 'c2', name: 'web-2' }, { pidNamespace: 21, mountNamespace: 22 });
  await everywhere(({ output }) => output.includes('c2'));
  await plane.tracker.unregister(web.id);
  await everywhere(({ errors }) => errors.includes('c1deadbeef is gone'));
  for (const { terminal } of running) terminal.interrupt();
  assert.deepEqual(await Promise.all(running.map(({ ended }) => ended)), [0, 0, 0, 0, 0]);
  const [table, wide, name, json, yaml] = running.map(({ terminal }) => terminal.output);
  for (const text of [table!, wide!]) assert.deepEqual(text.match(/web-\d|NAME /gu), ['NAME ', 'web-1', 'web-2']);
  assert.equal(name, 'c1deadbeef\nc2\n');
  const names = (items: unknown[]) => items.map((item) => (item as { name: string }).name);
  assert.deepEqual(
    names(
      json!
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ),
    ['web-1', 'web-2'],
  );
  assert.deepEqual(names(parseAllDocuments(yaml!).map((document) => document.toJS())), ['web-1', 'web-2']);
});

test('a table shortens its longest cells to fit a narrow terminal, but not for programs and with -o wide', async (t) => {
  const { write, hauberk, live, plane } = await start(t);
  const name = 'k8s_payment-processor_payment-processor-7d9f8c6b5-x2x4z_shop';
  await plane.tracker.register({ ...web, name }, NAMESPACES);
  const { terminal, ended } = live(['get', 'containers'], { outIsTerminal: true, columns: 80 });
  assert.equal(await ended, 0);
  const [headings, row] = terminal.output.split('\n');
  assert.match(headings!, /^NAMESPACE +NAME +ID +ORIGIN +PID +PROTECTED +POLICIES$/u);
  assert.match(row!, /^default +k8s_\S*… +c1deadbeef +registered/u);
  for (const line of [headings!, row!]) assert.ok(line.length <= 80, line);
  assert.match((await hauberk('get', 'containers')).output, new RegExp(name, 'u'));
  await hauberk('apply', '-f', write('one.yaml', manifest('one')));
  const policies = live(['get', 'policies'], { outIsTerminal: true, columns: 80 });
  await policies.ended;
  assert.match(policies.terminal.output, /^NAMESPACE +NAME +ORIGIN +SCOPE +MODE +VERSION +RULES +SELECTOR\n/u);
  const wide = live(['get', 'containers', '-o', 'wide'], { outIsTerminal: true, columns: 80 });
  await wide.ended;
  assert.match(wide.terminal.output, new RegExp(name, 'u'));
});

test('the exit status of hauberk status shows whether the policies are in force', async (t) => {
  const { hauberk, plane } = await start(t);
  const { status, output } = await hauberk('status');
  assert.equal(status, 0);
  assert.match(output, /^enforcing +true$/mu);
  plane.host.setStatus({ enforcing: false, reason: 'the programs are gone' });
  const not = await hauberk('status', '-o', 'json');
  assert.deepEqual([not.status, not.errors], [6, 'hauberk: not in force: the programs are gone\n']);
  assert.equal(JSON.parse(not.output).enforcing, false);
  plane.host.setStatus({ enforcing: true, revision: 7, enforcedRevision: 5 });
  assert.match((await hauberk('status')).errors, /the kernel holds revision 5, not yet 7/u);
  assert.equal((await hauberk('get', 'status')).status, 0);
  assert.equal((await run('unix:/no/such/socket', ['status'])).status, 3);
});

test('hauberk status --wait ends as soon as the policies are in force, or when the time is over', async (t) => {
  const { hauberk, live, plane } = await start(t);
  plane.host.setStatus({ enforcing: false, reason: 'not yet' });
  const { terminal, ended } = live(['status', '--wait', '300']);
  await eventually(() => terminal.errors === 'hauberk: waiting: not yet\n');
  plane.host.setStatus({ enforcing: true, reason: '' });
  assert.equal(await ended, 0);
  plane.host.setStatus({ enforcing: false, reason: 'never' });
  assert.equal((await hauberk('status', '--wait', '0.01')).status, 6);
  const nobody = await run('unix:/no/such/socket', ['status', '--wait', '0.01']);
  assert.equal(nobody.status, 3);
  assert.match(nobody.errors, /^hauberk: waiting: cannot reach hauberkd at unix:\/no\/such\/socket: no such socket/mu);
  assert.equal((await hauberk('status', '--wait', 'soon')).status, 2);
});

test('an unreachable daemon is reported with the reason and with what to do', async (t) => {
  const { write } = await start(t);
  const printed = async (address: string) => {
    const { status, errors } = await run(address, ['get', 'status']);
    assert.equal(status, 3);
    return errors;
  };
  const elsewhere = '(--address, HAUBERK_ADDRESS)\n';
  assert.equal(
    await printed('unix:/no/such/socket'),
    `hauberk: cannot reach hauberkd at unix:/no/such/socket: no such socket; is it running? ${elsewhere}`,
  );
  const file = write('file', '');
  assert.equal(
    await printed(`unix:${file}`),
    `hauberk: cannot reach hauberkd at unix:${file}: that is not a socket ${elsewhere}`,
  );
  assert.match(
    await printed('127.0.0.1:1'),
    /127\.0\.0\.1:1: nothing listens there; is it running, with --listen for that address\?/u,
  );
});

test('hauberk visibility sets, shows and resets what is reported about containers', async (t) => {
  const { hauberk, plane } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  const set = await hauberk('visibility', 'set', 'default', 'file,process');
  assert.deepEqual([set.status, set.output], [0, 'visibility of default: process, file\n']);
  assert.equal((await hauberk('visibility', 'set', 'shop', 'none', '--labels', 'app=a')).status, 0);
  const { output } = await hauberk('visibility', 'get');
  assert.match(output, /^\(every other\) +none *$/mu);
  assert.match(output, /^default +process,file +rpc$/mu);
  assert.match(output, /^shop +app=a +none +rpc$/mu);
  assert.match((await hauberk('visibility', 'get', 'web-1')).output, /^web-1 +process,file *$/mu);
  assert.equal((await hauberk('visibility', 'reset', 'default')).output, 'visibility of default: not set\n');
  assert.deepEqual(plane.visibility.list().length, 1);
  const wrong = await hauberk('visibility', 'set', 'default', 'files');
  assert.equal(wrong.status, 2);
  assert.match(wrong.errors, /files: must be none, or any of process, file, network, capabilities/);
});

test('hauberk watch --telemetry shows allowed accesses with their counts', async (t) => {
  const { live, plane, hub } = await start(t);
  const { terminal, ended } = live(['watch', '--telemetry', '--action', 'allow']);
  await eventually(() => plane.telemetry.hub.counts().subscribers === 1 && hub.counts().subscribers === 1);
  const access = { action: 'Allow', result: 'passed', policy: '', rule: '', count: 7, operations: ['read'] } as const;
  plane.telemetry.hub.publish([makeEvent({ ...access, object: '/etc/hosts' })]);
  await eventually(() => terminal.output.includes('\n'));
  assert.match(terminal.output, /ALLOWED web-1 \/bin\/cat open \/etc\/hosts \(read\) 7 times pid 7 uid 1000/);
  terminal.interrupt();
  await ended;
});
