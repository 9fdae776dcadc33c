import assert from 'node:assert/strict';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { HOOK, HookFixture, run } from '../support/hook.js';

const STATE = {
  ociVersion: '1.0.2-dev',
  id: '6f1ed002ab55',
  status: 'creating',
  pid: 4242,
  bundle: '/run/containerd/io.containerd.runtime.v2.task/k8s.io/6f1ed002ab55',
};
const CONTAINERD = {
  'io.kubernetes.cri.container-type': 'container',
  'io.kubernetes.cri.sandbox-namespace': 'kube-system',
  'io.kubernetes.cri.container-name': 'etcd',
  'io.kubernetes.cri.image-name': 'registry.k8s.io/etcd:3.5.16',
};
const CRIO = {
  'io.kubernetes.cri-o.ContainerType': 'container',
  'io.kubernetes.pod.namespace': 'kube-system',
  'io.kubernetes.container.name': 'etcd',
  'io.kubernetes.cri-o.ImageName': 'registry.k8s.io/etcd:3.5.16',
};

let fixture: HookFixture;
beforeEach(() => {
  fixture = new HookFixture();
});
afterEach(() => fixture.remove());

test('a protected container starts, and the daemon gets its state as the runtime wrote it', async () => {
  await fixture.answer('protected\n');
  const state = { ...STATE, annotations: { ...CONTAINERD, 'a/b': 'ä "quoted" \\ \u0001' }, more: [1, { deep: null }] };
  const { status, output } = await fixture.hook('containerd', state);
  assert.deepEqual([status, output], [0, '']);
  const [{ deadline_ms: deadline, ...request }] = fixture.requests as [(typeof fixture.requests)[0]];
  assert.deepEqual(request, { version: 1, runtime: 'containerd', on_failure: 'refuse', state });
  const now = Number(process.hrtime.bigint() / 1_000_000n);
  assert.ok(deadline > now && deadline <= now + 10_000, `${deadline} is not within 10 s from ${now}`);
  assert.deepEqual(fixture.recorded(), []);
});

test('a container that the daemon ignores starts', async () => {
  await fixture.answer("ignored a pod's pause container\n");
  assert.equal((await fixture.hook('crio', STATE)).status, 0);
  assert.deepEqual(fixture.recorded(), []);
});

test('a container that cannot be protected is refused with the reason from the daemon', async () => {
  await fixture.answer('unprotected the policies do not fit together\n');
  const { status, output } = await fixture.hook('podman', STATE);
  assert.equal(status, 1);
  assert.match(output, /refuses to start the container: .*the policies do not fit together\n$/);
  assert.deepEqual(fixture.recorded(), []);
});

test('with allow in the configuration a container that cannot be protected starts and is noted', async () => {
  fixture.configure('when_unanswered = allow');
  await fixture.answer('unprotected no room\u001b[31m\n');
  assert.deepEqual((await fixture.hook('docker', STATE)).status, 0);
  assert.equal(fixture.requests[0]?.on_failure, 'allow');
  const [record, ...others] = fixture.recorded();
  assert.deepEqual(others, []);
  const { time, ...rest } = record!;
  assert.ok(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    runtime: 'docker',
    cause: 'unprotected',
    reason: 'hauberkd cannot protect it: no room [31m',
    id: STATE.id,
    pid: STATE.pid,
  });
});

for (const [what, reply] of [
  ['an unknown word', 'fine\n'],
  ['a word that only begins like protected', 'protected!\n'],
  ['nothing', ''],
  ['binary data without an end of line', `${'\u0000\u0007'.repeat(100_000)}`],
] as const)
  test(`${what} is not a valid answer`, async () => {
    await fixture.answer(reply);
    assert.equal((await fixture.hook('docker', STATE)).status, 1);
    fixture.configure('when_unanswered = allow');
    assert.equal((await fixture.hook('docker', STATE)).status, 0);
    assert.equal(fixture.recorded()[0]?.cause, 'unanswered');
  });

test('a silent daemon delays a start no longer than the configured time', async () => {
  fixture.configure('timeout_seconds = 1');
  await fixture.answer(null);
  const { status, output, milliseconds } = await fixture.hook('docker', STATE);
  assert.equal(status, 1);
  assert.match(output, /nothing for 1 s/);
  assert.ok(milliseconds >= 1000 && milliseconds < 2000, `${milliseconds} ms`);
});

test('a runtime that does not end the state delays a start no longer either', async () => {
  fixture.configure('timeout_seconds = 1');
  const { status, output } = await run([
    'sh',
    '-c',
    `(printf '{"id":'; sleep 3) | ${HOOK} --runtime docker --config ${fixture.config}`,
  ]);
  assert.equal(status, 1);
  assert.match(output, /does not hand over the container's state/);
});

test('without a daemon a container is refused, or starts and is noted', async () => {
  const { status, output } = await fixture.hook('docker', STATE);
  assert.equal(status, 1);
  assert.ok(output.includes(`does not answer at ${fixture.socket}: No such file or directory`), output);
  fixture.configure('when_unanswered = allow');
  assert.equal((await fixture.hook('docker', STATE)).status, 0);
  assert.equal(fixture.recorded().length, 1);
});

test('the hook waits for a daemon that is restarting', async () => {
  const waiting = fixture.hook('docker', STATE);
  await new Promise((resolve) => setTimeout(resolve, 500));
  await fixture.answer('protected\n');
  assert.equal((await waiting).status, 0);
});

test("the daemon is not asked about a container of an unprivileged user in that user's own namespace", async () => {
  await fixture.answer('unprotected no\n');
  const hook = [HOOK, '--runtime', 'podman', '--config', fixture.config];
  const { status } = await run(['unshare', '--user', '--map-root-user', ...hook], JSON.stringify(STATE));
  assert.deepEqual([status, fixture.requests], [0, []]);
});

test('without a state directory nothing is refused, whatever the configuration says', async () => {
  rmSync(fixture.stateDirectory, { recursive: true });
  assert.equal((await fixture.hook('containerd', STATE)).status, 0);
  assert.equal((await fixture.hook('containerd', 'no state')).status, 0);
  fixture.configure('when_unanswered = perhaps');
  assert.equal((await fixture.hook('containerd', STATE)).status, 0);
});

for (const [line, problem] of [
  ['when_unanswered = perhaps', /hook\.conf:3: "when_unanswered = perhaps": neither refuse nor allow/],
  ['when_unanswered', /:3: "when_unanswered": not of the form setting = value/],
  ['timeout_seconds = 0', /:3: .*: not a whole number from 1 to 300/],
  ['timeout_seconds = 10s', /:3: .*: not a whole number from 1 to 300/],
  ['exempt_namespace = kube-*-system', /:3: .*: \* may stand at the end only/],
  ['exempt_name =', /:3: .*: the value is missing/],
  ['exempt_namespaces = kube-system', /:3: .*: there is no such setting/],
  ['socket = /run/another', /:3: .*: it is set for the second time/],
  ['# a comment\n\nstate_dir = x', /:5: .*: there is no such setting/],
] as const)
  test(`a configuration with the line "${line}" refuses every start, with the reason`, async () => {
    fixture.configure(line);
    await fixture.answer('protected\n');
    const { status, output } = await fixture.hook('docker', STATE);
    assert.equal(status, 1);
    assert.match(output, problem);
  });

/** Runs a command with the state directory of the default configuration. */
function withDefaultStateDirectory(command: string) {
  const script = `mount -t tmpfs none /var/lib && mkdir /var/lib/hauberk && ${command}`;
  return run(['unshare', '--mount', 'sh', '-c', script], JSON.stringify(STATE));
}

test('a configuration file that is named but missing refuses every start', async () => {
  rmSync(fixture.config);
  await fixture.answer('protected\n');
  const { status, output } = await withDefaultStateDirectory(`${HOOK} --runtime docker --config ${fixture.config}`);
  assert.equal(status, 1);
  assert.match(output, /hook\.conf: No such file or directory/);
});

for (const [runtime, annotations] of [
  ['containerd', CONTAINERD],
  ['crio', CRIO],
] as const)
  test(`containers of ${runtime} can be exempted by namespace, name and image`, async () => {
    await fixture.answer('unprotected no room\n');
    const state = { ...STATE, annotations };
    for (const exception of [
      'exempt_namespace = kube-system',
      'exempt_namespace = kube-*',
      'exempt_name = etcd',
      'exempt_image = registry.k8s.io/*',
      'exempt_name = other\nexempt_image = registry.k8s.io/etcd:3.5.16',
    ]) {
      fixture.configure(exception);
      assert.equal((await fixture.hook(runtime, state)).status, 0, exception);
    }
    assert.equal(fixture.recorded().length, 5);
    assert.equal(fixture.recorded()[0]?.namespace, 'kube-system');
    assert.equal(fixture.recorded()[0]?.name, 'etcd');
    for (const exception of ['exempt_namespace = kube', 'exempt_name = kube-system', 'exempt_image = etcd*']) {
      fixture.configure(exception);
      assert.equal((await fixture.hook(runtime, state)).status, 1, exception);
    }
  });

test('the daemon is informed that an exempted container will start in any case', async () => {
  fixture.configure('exempt_name = etcd');
  await fixture.answer('unprotected no room\n');
  assert.equal((await fixture.hook('containerd', { ...STATE, annotations: CONTAINERD })).status, 0);
  assert.equal(fixture.requests[0]?.on_failure, 'allow');
});

test('annotations that any user can set exempt nothing', async () => {
  await fixture.answer('unprotected no room\n');
  fixture.configure('exempt_namespace = *', 'exempt_name = *', 'exempt_image = *');
  const annotations = { ...CONTAINERD, ...CRIO, 'io.kubernetes.cri.container-type': 'sandbox' };
  for (const runtime of ['docker', 'podman'])
    assert.equal((await fixture.hook(runtime, { ...STATE, annotations })).status, 1, runtime);
  assert.equal((await fixture.hook('containerd', { ...STATE, annotations: CRIO })).status, 1);
  // CRI-O copies a pod's own annotations to the state of its containers.
  const own = { ...CRIO, 'io.kubernetes.pod.namespace': 'shop', 'io.kubernetes.cri-o.Namespace': 'kube-system' };
  fixture.configure('exempt_namespace = kube-system');
  assert.equal((await fixture.hook('crio', { ...STATE, annotations: own })).status, 1);
  const cut = { ...CONTAINERD, 'io.kubernetes.cri.sandbox-namespace': 'kube-system\u0000' };
  assert.equal((await fixture.hook('containerd', { ...STATE, annotations: cut })).status, 1);
});

test("a pod's pause container starts without a daemon, and is not noted", async () => {
  const annotations = { ...CONTAINERD, 'io.kubernetes.cri.container-type': 'sandbox' };
  assert.equal((await fixture.hook('containerd', { ...STATE, annotations })).status, 0);
  assert.deepEqual(fixture.recorded(), []);
});

test('a missing or too large state is handled like a missing answer', async () => {
  await fixture.answer('protected\n');
  const padded = (size: number) => JSON.stringify({ ...STATE, x: 'x'.repeat(size) });
  assert.equal((await fixture.hook('docker', padded(250 * 1024))).status, 0);
  const broken = [
    padded(256 * 1024),
    '',
    '[]',
    `${JSON.stringify(STATE)},"on_failure":"allow"`,
    JSON.stringify({ ...STATE, pid: 0 }),
    JSON.stringify({ ...STATE, pid: 2 ** 31 }),
    JSON.stringify({ ...STATE, id: 'x'.repeat(300) }),
    `{"id":"a","pid":1,"pid":2,"bundle":"/"}`,
    `{"id":"a","pid":1,"bundle":"/","x":${'['.repeat(100_000)}`,
  ];
  for (const state of broken) assert.equal((await fixture.hook('docker', state)).status, 1, state.slice(0, 100));
  fixture.configure('when_unanswered = allow');
  for (const state of broken) assert.equal((await fixture.hook('docker', state)).status, 0, state.slice(0, 100));
  assert.equal(fixture.recorded().length, broken.length);
  assert.equal(fixture.requests.length, 1);
});

test('the file of starts without protection does not grow beyond 1 MiB', async () => {
  fixture.configure('when_unanswered = allow');
  await fixture.answer('unprotected no room\n');
  const file = join(fixture.stateDirectory, 'starts-without-protection.jsonl');
  writeFileSync(file, 'x'.repeat(1024 * 1024 - 10));
  assert.equal((await fixture.hook('docker', STATE)).status, 0);
  assert.equal(statSync(file).size, 1024 * 1024 - 10);
});

test('invalid arguments refuse the start', async () => {
  for (const wrong of [[], ['--runtime'], ['--runtime', 'rkt'], ['--runtime', 'docker', '--verbose', 'yes']])
    assert.equal((await run([HOOK, ...wrong])).status, 2, wrong.join(' '));
});

test('the sample configuration is valid and contains the defaults', async () => {
  const [withSample, without] = await Promise.all([
    withDefaultStateDirectory(`${HOOK} --runtime docker --config packaging/hook.conf`),
    withDefaultStateDirectory(`mount -t tmpfs none /etc && ${HOOK} --runtime docker`),
  ]);
  assert.equal(withSample.status, 1);
  assert.match(withSample.output, /does not answer at \/run\/hauberk\/hook\.sock/);
  assert.deepEqual([without.status, without.output], [withSample.status, withSample.output]);
});

test("a start without protection is logged to the system's log, and an unread log does not delay it", async () => {
  fixture.configure('when_unanswered = allow');
  const start = `${HOOK} --runtime podman --config ${fixture.config} <${fixture.directory}/s`;
  // All at once, since each waits for a daemon that may be restarting.
  const starts = `foreach (1..300) { fork or exec('${start}') } while (wait != -1) { $? and die }`;
  const script = `$log = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => '/dev/log') or die; ${starts} $log->recv($line, 4096); print $line`;
  writeFileSync(join(fixture.directory, 's'), JSON.stringify(STATE));
  const { status, output } = await run([
    'unshare',
    '--mount',
    'sh',
    '-c',
    `mount -t tmpfs none /dev && mknod /dev/null c 1 3 && exec timeout 20 perl -MIO::Socket::UNIX -MSocket -e "$1"`,
    'sh',
    script,
  ]);
  assert.equal(status, 0, output);
  assert.match(
    output,
    /^<28>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d hauberk-hook\[\d+\]: container 6f1ed002ab55 starts without protection: hauberkd does not answer at /,
  );
});
