import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, closeSync, existsSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { makeBundle } from '../support/bundle.js';
import { HOOK, HookFixture, type HookRequest } from '../support/hook.js';

const ID = 'container-1';

let fixture: HookFixture;
let bundle: string;
let root: string[];
let pidFile: string;
let log: string;

beforeEach(() => {
  fixture = new HookFixture();
  bundle = join(fixture.directory, 'bundle');
  root = ['--root', join(fixture.directory, 'runc')];
  pidFile = join(fixture.directory, 'pid');
  log = join(fixture.directory, 'log.json');
  symlinkSync(resolve(HOOK), join(fixture.directory, 'hauberk-runtime'));
});
afterEach(() => {
  spawnSync('runc', [...root, 'delete', '--force', ID]);
  fixture.remove();
});

/** Calls the runtime; output of it and its container goes to a file, which a waiting container may keep open. */
function call(parameters: readonly string[], options: { cwd?: string; inherited?: string } = {}) {
  const file = join(fixture.directory, 'output');
  const output = openSync(file, 'a');
  const inherited = options.inherited ? [openSync(options.inherited, 'r')] : [];
  const child = spawn(
    join(fixture.directory, 'hauberk-runtime'),
    [`--hauberk-config=${fixture.config}`, ...root, ...parameters],
    { stdio: ['ignore', output, output, ...inherited], cwd: options.cwd },
  );
  for (const descriptor of [output, ...inherited]) closeSync(descriptor);
  const ended = new Promise<{ status: number | null; signal: string | null; output: string }>((done) =>
    child.on('exit', (status, signal) => done({ status, signal, output: readFileSync(file, 'utf8') })),
  );
  return { child, ended };
}

function create(...more: string[]) {
  return call(['--log', log, '--log-format', 'json', 'create', '--bundle', bundle, '--pid-file', pidFile, ...more, ID]);
}

function containerStatus(): string {
  const { status, stdout, stderr } = spawnSync('runc', [...root, 'state', ID], { encoding: 'utf8' });
  return status === 0 ? JSON.parse(stdout).status : stderr.trim();
}

/** Puts a shell script in the place of the real runtime; returns the options that choose it. */
function scriptAsRuntime(script: string): string[] {
  const path = join(fixture.directory, 'script');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return ['--hauberk-real-runtime', path];
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition(); ) {
    assert.ok(Date.now() < end, 'the condition does not hold after 20 s');
    await new Promise((done) => setTimeout(done, 5));
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Also true for a zombie. */
function hasEnded(pid: number): boolean {
  const file = `/proc/${pid}/cmdline`;
  return !existsSync(file) || readFileSync(file, 'utf8') === '';
}

test('create returns only once the daemon has answered, and the container waits before its first instruction', async () => {
  makeBundle(bundle, 'echo the container runs');
  let waited: HookRequest | undefined;
  await fixture.answer(async (request) => {
    await new Promise((done) => setTimeout(done, 100));
    assert.ok(isRunning(child));
    assert.match(readFileSync(`/proc/${request.state.pid}/cmdline`, 'utf8'), /runc\0init/);
    waited = request;
    return 'protected\n';
  });
  const { child, ended } = create();
  assert.deepEqual(await ended, { status: 0, signal: null, output: '' });
  const { deadline_ms: deadline, ...request } = waited!;
  assert.ok(deadline > Number(process.hrtime.bigint() / 1_000_000n));
  assert.deepEqual(request, {
    version: 1,
    runtime: 'docker',
    on_failure: 'refuse',
    state: { ociVersion: '1.0.2', id: ID, status: 'created', pid: Number(readFileSync(pidFile, 'utf8')), bundle },
  });
  assert.equal(containerStatus(), 'created');
  assert.equal((await call(['start', ID]).ended).status, 0);
  await until(() => containerStatus() === 'stopped');
  assert.equal(readFileSync(join(fixture.directory, 'output'), 'utf8'), 'the container runs\n');
  assert.equal((await call(['delete', ID]).ended).status, 0);
  assert.match(containerStatus(), /does not exist/);
  assert.equal(fixture.requests.length, 1);
});

test('a refused container is deleted, and the reason is written to the log that containerd reads', async () => {
  makeBundle(bundle, 'echo the container runs');
  await fixture.answer('unprotected "no" room\n');
  const { status, output } = await create().ended;
  const reason = 'Hauberk refuses to start the container: hauberkd cannot protect it: "no" room';
  assert.deepEqual([status, output], [1, `${reason}\n`]);
  const { time, ...entry } = JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1)!);
  assert.deepEqual(entry, { level: 'error', msg: reason });
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000);
  assert.match(containerStatus(), /does not exist/);
  assert.equal(existsSync(pidFile), false);
  assert.ok(hasEnded(fixture.requests[0]!.state.pid));
});

test('the reason is written as text when the log has the text format', async () => {
  makeBundle(bundle, 'true');
  const { status } = await call([`--log=${log}`, 'create', `-b=${bundle}`, `-pid-file=${pidFile}`, ID]).ended;
  assert.equal(status, 1);
  assert.match(
    readFileSync(log, 'utf8'),
    /^time="\d{4}-\d\d-\d\dT[\d:]{8}Z" level=error msg="Hauberk refuses .* does not answer at .*"\n$/m,
  );
});

test('without an answer of the daemon a container is created and noted if the configuration allows it', async () => {
  fixture.configure('when_unanswered = allow');
  makeBundle(bundle, 'true');
  assert.equal((await create().ended).status, 0);
  assert.equal(containerStatus(), 'created');
  assert.deepEqual(
    fixture.recorded().map(({ id, cause }) => [id, cause]),
    [[ID, 'unanswered']],
  );
});

test('create works without --pid-file and --bundle', async () => {
  makeBundle(bundle, 'true');
  await fixture.answer('protected\n');
  assert.equal((await call(['create', ID], { cwd: bundle }).ended).status, 0);
  assert.deepEqual(
    fixture.requests.map(({ state }) => [state.id, state.bundle]),
    [[ID, bundle]],
  );
  assert.match(readFileSync(`/proc/${fixture.requests[0]?.state.pid}/cmdline`, 'utf8'), /runc\0init/);
});

test('a process file with invalid contents refuses the start', async () => {
  await fixture.answer('protected\n');
  for (const [text, expected] of [
    [`${process.pid}\\n`, 0],
    [`${process.pid}`, 0],
    ['0', 1],
    ['-1', 1],
    ['12x', 1],
    ['99999999999999999999', 1],
    ['', 1],
  ] as const) {
    const script = scriptAsRuntime(`[ "$3" != create ] || printf %b '${text}' >${pidFile}`);
    const { status } = await call([...script, 'create', '--pid-file', pidFile, '--bundle', fixture.directory, ID])
      .ended;
    assert.equal(status, expected, text);
    assert.equal(existsSync(pidFile), expected === 0);
  }
  assert.deepEqual(
    fixture.requests.map(({ state }) => state.pid),
    [process.pid, process.pid],
  );
});

test('descriptors that are passed to a container reach it', async () => {
  makeBundle(bundle, 'cat <&3');
  await fixture.answer('protected\n');
  const parameters = ['create', '--preserve-fds', '1', '--bundle', bundle, ID];
  writeFileSync(log, 'from outside');
  assert.equal((await call(parameters, { inherited: log }).ended).status, 0);
  await call(['start', ID]).ended;
  await until(() => containerStatus() === 'stopped');
  assert.equal(readFileSync(join(fixture.directory, 'output'), 'utf8'), 'from outside');
});

test('a failure of the real runtime is returned to the caller, and the daemon is not called', async () => {
  await fixture.answer('protected\n');
  const { status, output } = await create().ended;
  assert.equal(status, 1);
  assert.match(output, /no such file or directory/);
  assert.match(readFileSync(log, 'utf8'), /"level":"error"/);
  assert.equal((await call([...scriptAsRuntime('exit 42'), 'create', ID]).ended).status, 42);
  assert.equal((await call([...scriptAsRuntime('kill -KILL $$'), 'create', ID]).ended).status, 128 + 9);
  assert.deepEqual(fixture.requests, []);
});

test('every other command is passed to the real runtime with the same arguments', async () => {
  for (const [parameters, expected] of [
    [['--version'], /^runc version/],
    [['features'], /"ociVersionMin"/],
    [['list', '-q'], /^$/],
    [['state', ID], /container does not exist/],
    [['create', '--help'], /NAME:\n +runc create/],
  ] as const) {
    const plain = spawnSync('runc', [...root, ...parameters], { encoding: 'utf8' });
    writeFileSync(join(fixture.directory, 'output'), '');
    const { status, output } = await call(parameters).ended;
    assert.match(output, expected);
    const withoutTime = (text: string) => text.replace(/time="[^"]*"/g, '');
    assert.deepEqual([status, withoutTime(output)], [plain.status, withoutTime(plain.stdout + plain.stderr)]);
  }
  const print = scriptAsRuntime('printf "<%s>" "$@"');
  writeFileSync(join(fixture.directory, 'output'), '');
  const { output } = await call([...print, '--debug', 'exec', '--hauberk-config', 'a  b', '', ID]).ended;
  assert.equal(output, `<${root.join('><')}><--debug><exec><--hauberk-config><a  b><><${ID}>`);
});

test('unknown arguments cannot hide a create', async () => {
  const runs = scriptAsRuntime('echo "it runs"');
  for (const parameters of [
    ['--new-option', 'value', 'create', ID],
    ['create', '--new-option', 'value', ID],
    ['create'],
    ['create', ID, '--bundle'],
    ['--', 'create', ID],
    ['-new=value', '--log', log, '--systemd-cgroup', '--', 'create', '--', ID],
  ]) {
    writeFileSync(join(fixture.directory, 'output'), '');
    const { status, output } = await call([...runs, ...parameters]).ended;
    assert.equal(status, 1, parameters.join(' '));
    assert.match(output, /Hauberk (refuses to start|cannot follow)/);
  }
});

test('a real runtime that is missing, or is this program itself, is refused', async () => {
  for (const [path, message] of [
    ['/nowhere/runc', /does not find the real runtime \/nowhere\/runc/],
    ['no-such-runtime', /does not find the real runtime no-such-runtime/],
    [HOOK, /cannot be its own real runtime/],
  ] as const) {
    const { status, output } = await call(['--hauberk-real-runtime', path, 'create', ID]).ended;
    assert.equal(status, 1);
    assert.match(output, message);
  }
});

test('a termination signal is passed to the real runtime, which also ends when this one is killed', async () => {
  const ready = join(fixture.directory, 'ready');
  const script = `trap 'exit 7' TERM; echo $$ >${ready}; for turn in $(seq 400); do sleep 0.05; done`;
  const first = call([...scriptAsRuntime(script), 'create', ID]);
  await until(() => existsSync(ready));
  first.child.kill('SIGTERM');
  assert.equal((await first.ended).status, 7);

  writeFileSync(ready, '');
  const second = call([...scriptAsRuntime(script), 'create', ID]);
  await until(() => readFileSync(ready, 'utf8').endsWith('\n'));
  second.child.kill('SIGKILL');
  await second.ended;
  await until(() => hasEnded(Number(readFileSync(ready, 'utf8'))));
});

test('a start that is terminated while the daemon works is undone', async () => {
  makeBundle(bundle, 'true');
  await fixture.answer(async () => {
    child.kill('SIGTERM');
    return 'protected\n';
  });
  const { child, ended } = create();
  const { status, output } = await ended;
  assert.equal(status, 1);
  assert.match(output, /interrupted by a signal/);
  assert.match(containerStatus(), /does not exist/);
});
