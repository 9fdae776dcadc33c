import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { rememberAccess } from '../../../src/events/observed.js';
import { recordOf } from '../../support/event-record.js';
import { eventually } from '../../support/eventually.js';
import { makeEvent } from '../events/support.js';
import { manifest, serveAll } from '../rpc/support.js';
import { run, start, web } from './support.js';

const PROGRAM = fileURLToPath(new URL('../../../src/cli/main.js', import.meta.url));

describe('hauberk apply', () => {
  test('applies a file, shows what changes in an existing policy, and reports which containers it reaches', async (t) => {
    const { write, hauberk, plane } = await start(t);
    await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
    const file = write('one.yaml', manifest('one'));
    const first = await hauberk('apply', '-f', file);
    assert.deepEqual(first, { status: 0, output: 'policy cli:default/one created, reaches 1 container\n', errors: '' });
    write('one.yaml', manifest('one', '/etc/gshadow'));
    const dry = await hauberk('apply', '--dry-run', '-f', file);
    assert.match(dry.output, /^-\s+- path: \/etc\/shadow$/mu);
    assert.match(dry.output, /^\+\s+- path: \/etc\/gshadow$/mu);
    assert.match(dry.output, /updated, reaches 1 container \(dry run\)/u);
    assert.equal(
      plane.policies.versionOf(plane.policies.get({ namespace: 'default', name: 'one', origin: 'cli' })!),
      2,
    );
    await hauberk('apply', '-f', file);
    assert.equal(
      plane.policies.versionOf(plane.policies.get({ namespace: 'default', name: 'one', origin: 'cli' })!),
      3,
    );
  });

  test('applies a directory with all files below it, or standard input, as one change', async (t) => {
    const { directory, write, hauberk, plane, server } = await start(t);
    mkdirSync(join(directory, 'deep'));
    write('a.yaml', manifest('a'));
    write('deep/b.yml', manifest('b'));
    write('deep/notes.txt', 'not a manifest');
    assert.equal((await hauberk('apply', '-f', directory)).status, 0);
    assert.equal((await run(server.address, ['apply', '-f', '-'], manifest('c'))).status, 0);
    assert.deepEqual(
      plane.policies.list().map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    assert.equal(plane.ledger.revision, 2);
  });

  test('applies hundreds of manifests as one change, with a result for each', async (t) => {
    const { directory, write, hauberk, plane } = await start(t);
    await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
    const names = Array.from({ length: 250 }, (_, index) => `many-${index}`);
    for (const name of names) write(`${name}.yaml`, manifest(name, `/srv/${name}/secret`));
    // A rule of an earlier policy overrides the rule of the last one.
    write('many-249.yaml', manifest('many-249', '/srv/many-0/secret').replace('Block', 'Allow'));
    const began = process.cpuUsage();
    const { status, output, errors } = await hauberk('apply', '-f', directory);
    const { user, system } = process.cpuUsage(began);
    const seconds = (user + system) / 1e6;
    assert.equal(status, 0, errors);
    assert.deepEqual(
      output.trim().split('\n').sort(),
      names.map((name) => `policy cli:default/${name} created, reaches 1 container`).sort(),
    );
    assert.match(errors, /^manifests read: 250$/mu);
    assert.match(
      errors,
      /^cli:default\/many-249: warning: file\.matchPaths\[0\] never decides: cli:default\/many-0 /mu,
    );
    assert.equal(plane.ledger.revision, 2);
    assert.ok(seconds < 5, `${seconds} seconds of processor time`);

    for (const name of names.slice(100)) write(`${name}.yaml`, manifest(name, 'relative'));
    const refused = await hauberk('apply', '-f', directory);
    assert.equal(refused.status, 1);
    const problems = refused.errors.trim().split('\n').slice(1);
    assert.equal(problems.length, 150);
    const place = `${directory}/many-100.yaml:12:15: spec.file.matchPaths[0].path: must be absolute`;
    assert.ok(problems[0]!.startsWith(`hauberk: ${place}`), problems[0]);
    assert.match(problems.at(-1)!, /\/many-249\.yaml:12:15: /u);
    assert.equal(plane.ledger.revision, 2);
  });

  test('names the file, line and column of every problem, and changes nothing', async (t) => {
    const { write, hauberk, plane } = await start(t);
    const good = write('good.yaml', manifest('good'));
    const bad = write('bad.yaml', manifest('bad', 'relative').replace('Block', 'Blokc'));
    const { status, errors } = await hauberk('apply', '-f', good, '-f', bad);
    assert.equal(status, 1);
    assert.deepEqual(errors.trim().split('\n'), [
      `hauberk: ${bad}:12:15: spec.file.matchPaths[0].path: must be absolute, that is start with \`/\``,
      `${bad}:13:11: spec.action: must be one of \`Allow\`, \`Audit\`, \`Block\`, not \`Blokc\`, did you mean \`Block\`?`,
    ]);
    assert.deepEqual(plane.policies.list(), []);
  });

  test('names the problems of files that come after hundreds of errors of YAML', async (t) => {
    const { write, hauberk } = await start(t);
    const broken = write('a-broken.yaml', `kind: x\n${'}'.repeat(300)}\n`);
    const bad = write('b-bad.yaml', manifest('bad', 'relative'));
    const { errors } = await hauberk('apply', '-f', broken, '-f', bad);
    const lines = errors.trim().split('\n');
    assert.equal(lines.length, 301);
    assert.equal(
      lines.at(-1),
      `${bad}:12:15: spec.file.matchPaths[0].path: must be absolute, that is start with \`/\``,
    );
  });
});

test('the exit status of hauberk validate shows whether manifests are valid', async (t) => {
  const { write, hauberk } = await start(t);
  const { status, output } = await hauberk('validate', '-f', write('one.yaml', manifest('one')));
  assert.deepEqual([status, output], [0, '1 policy is valid\n']);
  assert.equal((await hauberk('validate', '-f', write('bad.yaml', 'kind: x'))).status, 1);
  const none = await hauberk('validate', '-f', '/no/such/file');
  assert.deepEqual([none.status, none.errors], [1, 'hauberk: /no/such/file: no such file or directory\n']);
});

test('hauberk delete deletes by name and by manifest', async (t) => {
  const { write, hauberk, plane } = await start(t);
  const file = write('all.yaml', `${manifest('a')}---\n${manifest('b', '/x', 'shop')}---\n${manifest('c')}`);
  await hauberk('apply', '-f', file);
  assert.equal((await hauberk('delete', 'c')).output, 'policy cli:default/c deleted\n');
  assert.equal((await hauberk('delete', 'b')).status, 1);
  assert.equal((await hauberk('delete', '-n', 'shop', 'b')).status, 0);
  assert.equal((await hauberk('delete', '-f', write('a.yaml', manifest('a')))).status, 0);
  assert.deepEqual(plane.policies.list(), []);
  assert.equal((await hauberk('delete')).status, 2);
});

test('hauberk get and effective print tables, and other formats for programs', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  await hauberk('apply', '-f', write('one.yaml', manifest('one')));
  assert.match(
    (await hauberk('get', 'policies')).output,
    /^default\s+one\s+cli\s+namespace\s+enforce\s+0\s+-\s+2\s+1\s+app=web$/mu,
  );
  assert.match(
    (await hauberk('get', 'containers')).output,
    /^default\s+web-1\s+c1deadbeef\s+registered\s+0\s+\S+\s+cli:default\/one$/mu,
  );
  const { output: status } = await hauberk('get', 'status');
  assert.match(status, /^enforcing\s+true$/mu);
  assert.match(status, /^took over running enforcement\s+true$/mu);
  assert.match((await hauberk('get', 'postures')).output, /^\(every other\)\s+block\s+audit\s+block\s+audit$/mu);
  assert.match((await hauberk('get', 'policy', 'one')).output, /^kind: KubeArmorPolicy$/mu);
  const [policy] = JSON.parse((await hauberk('get', 'policies', '-o', 'json')).output);
  assert.deepEqual([policy.name, policy.rules[0].action], ['one', 'BLOCK']);
  for (const container of ['web-1', 'c1dead', 'c1deadbeef']) {
    const { output } = await hauberk('effective', container);
    assert.match(output, /^file\s+block\s+\/etc\/shadow\s+-\s+cli:default\/one\s+file\.matchPaths\[0\]$/mu);
  }
  assert.deepEqual(await hauberk('effective', 'other'), {
    status: 1,
    output: '',
    errors: 'hauberk: no container other\n',
  });
});

test('cluster policies and policies in audit mode are shown as such', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  const spec = 'priority: 7\n  mode: audit\n  expires: "2126-01-02T03:04:05Z"\n  selector:';
  const text = manifest('all').replace('KubeArmorPolicy', 'KubeArmorClusterPolicy').replace('selector:', spec);
  await hauberk('apply', '-f', write('all.yaml', text.replace(/^ *namespace:.*\n/mu, '')));
  assert.match(
    (await hauberk('get', 'policies')).output,
    /^-\s+all\s+cli\s+cluster\s+audit\s+7\s+2126-01-02T03:04:05Z\s+2\s+1\s+app=web$/mu,
  );
  const { output } = await hauberk('effective', 'web-1');
  assert.match(output, /^CLASS .* RULE +MODE +SCOPE +PRIORITY$/mu);
  assert.match(output, /^file +audit \(would block\) +\/etc\/shadow +- +cli:cluster:all +\S+ +audit +cluster +7$/mu);
  const { rules } = JSON.parse((await hauberk('effective', 'web-1', '-o', 'json')).output);
  assert.deepEqual([rules[0].mode, rules[0].scope, rules[0].priority], ['PERMISSIVE', 'CLUSTER', 7]);
});

test('hauberk effective shows what limits a rule, and what an allow-list in audit mode would refuse', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  const section = (name: string, mode: string, sections: string) =>
    manifest(name).replace(/ {2}file:\n[\s\S]*$/u, `  mode: ${mode}\n${sections}`);
  await hauberk('posture', 'set', 'default', 'file=block', 'network=block');
  const limited = `  process: {matchPaths: [{path: /bin/sh, pts: false}, {path: /bin/ls, allowedArgs: [-l, -a]}]}
  file: {matchPaths: [{path: /srv/log, operations: [write, delete]}]}
  network: {matchProtocols: [{protocol: tcp, action: Allow}]}
`;
  const reported = '  action: Allow\n  file: {matchPaths: [{path: /srv/data, ownerOnly: true, readOnly: true}]}\n';
  await hauberk('apply', '-f', write('limited.yaml', section('limited', 'enforce', limited)));
  await hauberk('apply', '-f', write('reported.yaml', section('reported', 'audit', reported)));
  const { output } = await hauberk('effective', 'web-1');
  for (const row of [
    /^process +block on a terminal +\/bin\/sh /mu,
    /^process +block unless arguments are -a,-l +\/bin\/ls /mu,
    /^file +block write,delete +\/srv\/log /mu,
    /^file +allow read-only owner +\/srv\/data /mu,
    /^network +block +\(anything else\) +- +DefaultPosture$/mu,
    /^file +audit \(would block\) +\(anything else\) +- +DefaultPosture$/mu,
  ])
    assert.match(output, row);
  const { postures, permissivePostures } = JSON.parse((await hauberk('effective', 'web-1', '-o', 'json')).output);
  assert.deepEqual([postures, permissivePostures], [{ NETWORK: 'BLOCK' }, { FILE: 'BLOCK' }]);
});

test('with --ignore-foreign other kinds are skipped, and warnings name file, line and column', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  const foreign = write('foreign.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n');
  const one = write('one.yaml', manifest('one', '/etc/*shadow'));
  assert.equal((await hauberk('apply', '-f', foreign, one)).status, 1);
  const { status, errors } = await hauberk('apply', '--ignore-foreign', '-f', foreign, one);
  assert.equal(status, 0);
  assert.deepEqual(errors.trim().split('\n'), [
    'cli:default/one: warning: spec.file.matchPaths[0].path takes `*` literally, not as a wildcard; ' +
      `write \`pattern: /etc/*shadow\` in \`matchPatterns\` (${one}:12:15)`,
    '1 object of another kind was skipped',
  ]);
  const reported = JSON.parse(
    (await hauberk('apply', '--dry-run', '-o', 'json', '--ignore-foreign', '-f', foreign, one)).output,
  );
  assert.match(reported[0].warnings[0], /^spec\.file\..* \(.*one\.yaml:12:15\)$/u);
  const pruned = await hauberk('apply', '--prune', '--ignore-foreign', '-f', foreign, one);
  assert.deepEqual([pruned.status, pruned.errors], [0, errors]);
  const validated = await hauberk('validate', '--ignore-foreign', '-f', foreign, one);
  assert.deepEqual([validated.output, validated.errors], ['1 policy is valid\n', errors]);
  assert.equal((await hauberk('diff', '--ignore-foreign', '-f', foreign, one)).status, 0);
  assert.equal((await hauberk('delete', '--ignore-foreign', '-f', foreign, one)).status, 0);
});

test('hauberk watch shows events as they arrive, and ends when it is interrupted', async (t) => {
  const { live, hub } = await start(t);
  for (const [format, expected] of [
    [
      'text',
      /^22:13:20\.123 DENIED web-1 \/bin\/cat open \/etc\/shadow \[default\/no-shadow file\.matchPaths\[0\]\] severity 5 pid 7 uid 1000 parent \/bin\/sh\n$/u,
    ],
    ['json', /^\{.*"result":"DENIED".*\}\n$/u],
  ] as const) {
    const { terminal, ended } = live(['watch', '--policy', 'no-shadow', '-o', format]);
    await eventually(() => terminal.errors.includes('watching'));
    hub.publish([makeEvent({ policy: 'other' }), makeEvent()]);
    await eventually(() => terminal.output !== '');
    assert.match(terminal.output, expected);
    terminal.interrupt();
    assert.equal(await ended, 0);
  }
});

test('hauberk watch shows what a policy in audit mode would block', async (t) => {
  const { live, hub } = await start(t);
  const { terminal, ended } = live(['watch']);
  await eventually(() => terminal.errors.includes('watching'));
  hub.publish([makeEvent({ result: 'passed', wouldBlock: true })]);
  await eventually(() => terminal.output !== '');
  assert.match(terminal.output, /^\S+ WOULD BLOCK web-1 \/bin\/cat open/u);
  terminal.interrupt();
  assert.equal(await ended, 0);
});

test('hauberk watch escapes control characters in names of files', async (t) => {
  const { live, hub } = await start(t);
  const { terminal, ended } = live(['watch']);
  await eventually(() => terminal.errors.includes('watching'));
  hub.publish([makeEvent({ object: '/tmp/\u001b[2J\nx' })]);
  await eventually(() => terminal.output !== '');
  assert.match(terminal.output, / open \/tmp\/\\x1b\[2J\\nx \[/u);
  terminal.interrupt();
  assert.equal(await ended, 0);
});

test('the program exits with the status of its command, and ends when it is interrupted', async (t) => {
  const { server, hub } = await serveAll(t);
  const child = spawn(process.execPath, [PROGRAM, 'watch', '-a', server.address]);
  await once(child.stderr, 'data');
  const output = once(child.stdout, 'data');
  hub.publish([makeEvent()]);
  assert.match(String((await output)[0]), /DENIED web-1/u);
  child.kill('SIGINT');
  assert.deepEqual(await once(child, 'close'), [0, null]);
  assert.equal(spawnSync(process.execPath, [PROGRAM, 'applyy']).status, 2);
});

test('exit statuses distinguish wrong usage, an unreachable daemon and wrong flags', async (t) => {
  const { hauberk } = await start(t);
  assert.equal((await hauberk('--help')).status, 0);
  assert.equal((await hauberk('applyy')).status, 2);
  assert.equal((await hauberk('apply')).status, 2);
  assert.equal((await hauberk('watch', '--class', 'files')).status, 2);
  assert.equal((await hauberk('get', 'status', '--tls-ca', 'x')).status, 2);
  assert.equal((await run('unix:/no/such/socket', ['get', 'status'])).status, 3);
});

test('explain prints the decision, the rule that decides and why others do not', async (t) => {
  const { write, hauberk, plane } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  await hauberk('apply', '-f', write('one.yaml', manifest('one')));
  const { status, output } = await hauberk('explain', 'web-1', 'read', '/etc/shadow');
  assert.equal(status, 0);
  assert.equal(output, 'block: cli:default/one file.matchPaths[0] (block /etc/shadow)\n');
  const json = await hauberk('explain', '-', 'read', '/x', '--labels', 'app=web', '-o', 'json');
  assert.equal(JSON.parse(json.output).action, 'ALLOW');
  const wrong = await hauberk('explain', 'web-1', 'peek', '/x');
  assert.notEqual(wrong.status, 0);
  assert.match(wrong.errors, /operation/u);
});

test('hauberk profile learns, suggests a policy that can be applied, and deletes a profile', async (t) => {
  const { hauberk, plane, write } = await start(t);
  await plane.recordings.resume({ profiled: [], accesses: [] });
  const namespaces = { pidNamespace: 11, mountNamespace: 12 };
  await plane.tracker.register(web, namespaces);
  assert.equal((await hauberk('profile', 'start', 'p')).status, 2);
  assert.equal((await hauberk('profile', 'start', 'p', '--container', 'web-1')).output, 'profile p started\n');
  plane.counts.add({ container: namespaces, access: 1n }, 3);
  plane.recordings.observe(recordOf({ ...namespaces, access: 1n }));
  assert.match((await hauberk('profile', 'list')).output, /^p +\S+ +\(running\) +container c1deadbeef$/mu);
  assert.match((await hauberk('profile', 'get', 'p')).output, /^web-1 +3 +file +read +\/etc\/passwd +\/bin\/cat$/mu);
  const { output } = await hauberk('profile', 'suggest', 'p', '--policy', 'least');
  assert.match(output, /name: least/u);
  assert.match(output, /# seen 3 times: \/etc\/passwd/u);
  const applied = await hauberk('apply', '-f', write('least.yaml', output));
  assert.match(applied.output, /policy cli:default\/least created, reaches 1 container/u);
  assert.equal((await hauberk('profile', 'stop', 'p')).output, 'profile p stopped\n');
  assert.equal((await hauberk('profile', 'delete', 'p')).output, 'profile p deleted\n');
});

test('hauberk diff reports what would be refused', async (t) => {
  const { hauberk, plane, write } = await start(t);
  await plane.tracker.register(web, { pidNamespace: 11, mountNamespace: 12 });
  rememberAccess(plane.memory, web.id, recordOf({ object: '/etc/shadow' }));
  const { output } = await hauberk('diff', '-f', write('block.yaml', manifest('block')));
  assert.match(
    output,
    /^allow → block +web-1 +1× +\/bin\/cat +read +\/etc\/shadow +\[cli:default\/block file.matchPaths\[0\]\]$/mu,
  );
  assert.match(output, /^1 kind of access was judged, 1 would be decided differently$/mu);
  assert.equal((await hauberk('diff')).status, 2);
});

describe('hauberk backup and restore', () => {
  test('write policies and postures to a file, and restore them from it', async (t) => {
    const { hauberk, plane, write, directory } = await start(t);
    await plane.policies.apply(plane.policies.readManifest(manifest('a')));
    await plane.policies.setPosture('default', { file: 'block' });
    const file = join(directory, 'backup.yaml');
    const written = await hauberk('backup', file);
    assert.deepEqual([written.status, written.output], [0, `${file}: 1 policy, postures of 1 namespace\n`]);
    await plane.policies.delete({ namespace: 'default', name: 'a' }, 0);
    await plane.policies.setPosture('default', {});
    const restored = await hauberk('restore', file);
    assert.deepEqual([restored.status, restored.output], [0, 'restored: 1 policy, postures of 1 namespace\n']);
    assert.equal(plane.policies.list().length, 1);
    assert.equal(plane.policies.postures().size, 1);
    const broken = await hauberk('restore', write('other.yaml', 'kind: KubeArmorPolicy\n'));
    assert.equal(broken.status, 1);
    assert.match(broken.errors, /other\.yaml:1:1: is not a backup/);
  });
});
