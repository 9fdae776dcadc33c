import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, exec, startContainer } from '../support/docker.js';
import { IN_LONG_RUNS } from '../support/long-run.js';

/** A server of Debian's packages, and how it is put to work. */
interface Workload {
  readonly name: string;
  /** Run before the profile begins. */
  readonly prepare: string;
  /** Run while the profile learns, and again under the policy. */
  readonly work: string;
  readonly user?: string;
  readonly printed: RegExp;
}

const POSTGRESQL = execFileSync('sh', ['-c', 'ls -d /usr/lib/postgresql/*/bin | tail -n 1'], {
  encoding: 'utf8',
}).trim();

/** Waits in a shell, but not for ever. */
function until(condition: string): string {
  return `n=0; until ${condition}; do n=$((n + 1)); [ $n -lt 100 ]; sleep 0.1; done`;
}

const idOf = (flag: string) => execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }).trim();

const WORKLOADS: readonly Workload[] = [
  {
    name: 'nginx',
    prepare: 'mkdir -p /var/log/nginx /var/lib/nginx /var/www/html /run; echo hello >/var/www/html/index.html',
    work: `set -e
      /usr/sbin/nginx
      /usr/bin/bash -c 'exec 3<>/dev/tcp/127.0.0.1/80; printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'
      /usr/sbin/nginx -s quit
      ${until('[ ! -e /run/nginx.pid ]')}`,
    printed: /200 OK.*hello/s,
  },
  {
    name: 'redis',
    prepare: 'mkdir -p /var/lib/redis /run',
    work: `set -e
      /usr/bin/redis-server --daemonize yes --dir /var/lib/redis --pidfile /run/redis.pid --bind 127.0.0.1
      ${until('/usr/bin/redis-cli set key value')}
      /usr/bin/redis-cli get key
      /usr/bin/redis-cli save
      /usr/bin/redis-cli shutdown
      ${until('[ ! -e /run/redis.pid ]')}`,
    printed: /OK\nvalue\nOK/,
  },
  {
    name: 'postgresql',
    prepare: `mkdir -p /var/lib/postgresql /run/postgresql && ln -s /run /var/run && chown postgres /var/lib/postgresql /run/postgresql
      setpriv --reuid=postgres --regid=postgres --clear-groups ${POSTGRESQL}/initdb -N -D /var/lib/postgresql/data`,
    work: `set -e
      export PATH=${POSTGRESQL}:/usr/bin
      pg_ctl -w -D /var/lib/postgresql/data -l /var/lib/postgresql/log start
      psql -c 'create table t as select generate_series(1, 1000) as n' postgres
      psql -At -c 'select sum(n) from t' -c checkpoint -c 'drop table t' postgres
      pg_ctl -w -D /var/lib/postgresql/data stop`,
    user: `${idOf('-u')}:${idOf('-g')}`,
    printed: /\n500500\n/,
  },
];

/** What every program reads. */
const LIBC = '/usr/lib/x86_64-linux-gnu/libc.so.6';

const daemon = new Daemon();
const client = new Client(daemon.address);
let events: EventStream;

before(async () => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  execFileSync('tools/vm/image', ['--merged-usr', 'services', '/usr/bin/dash'], { stdio: 'inherit' });
  for (const { name, prepare } of WORKLOADS) {
    startContainer(
      'services',
      name,
      ...['--label', `app=${name}`, '--security-opt=apparmor=unconfined'],
      ...['/usr', '/etc/nginx', '/etc/passwd', '/etc/group'].flatMap((path) => ['-v', `${path}:${path}:ro`]),
    );
    const prepared = exec(name, '/bin/dash', '-c', prepare);
    assert.equal(prepared.status, 0, prepared.output);
  }
  await daemon.start();
  events = await client.stream();
});

after(async () => {
  events?.cancel();
  client.close();
  await daemon.end('SIGTERM');
  docker('rm', '-f', ...WORKLOADS.map(({ name }) => name));
});

function blocking(path: string, app: string): string {
  return `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: block}
spec:
  selector: {matchLabels: {app: ${app}}}
  file: {matchPaths: [{path: ${path}}]}`;
}

function workOf({ name, work, user = 'root' }: Workload): string {
  const { status, output } = docker('exec', '-u', user, name, '/bin/dash', '-c', work);
  assert.equal(status, 0, `${output}\n${JSON.stringify(events.events, undefined, 1)}`);
  return output;
}

/** What a profile has told has to be there for the next daemon. */
async function restart(profile: string): Promise<void> {
  await client.call('ProfileService', 'GetProfile', { name: profile });
  events.cancel();
  await daemon.end('SIGKILL');
  await daemon.start();
  events = await client.stream();
}

for (const workload of WORKLOADS) {
  const { name, printed } = workload;
  // The one that goes on while the daemon is started again stands for the others.
  const skip = name !== 'redis' && IN_LONG_RUNS;
  test(`what ${name} does is learnt, and under the policy made of it the same goes on and nothing else`, {
    skip,
  }, async (context) => {
    await client.call('ProfileService', 'StartProfile', { name, selector: { matchLabels: { app: name } } });
    const began = performance.now();
    assert.match(workOf(workload), printed);
    if (name === 'redis') await restart(name);
    context.diagnostic(`learnt in ${Math.round(performance.now() - began)} ms`);
    await client.call('ProfileService', 'StopProfile', { name });
    const { manifest, warnings, evidence } = await client.call('ProfileService', 'SuggestPolicy', { name });
    context.diagnostic(manifest);
    assert.deepEqual(warnings, []);
    assert.ok(evidence.length > 10);

    const postures = [
      'ACCESS_CLASS_PROCESS',
      'ACCESS_CLASS_FILE',
      'ACCESS_CLASS_NETWORK',
      'ACCESS_CLASS_CAPABILITY',
    ].map((each) => ({ class: each, action: 'ACTION_BLOCK' }));
    const { decisions } = await client.call('PolicyService', 'Diff', { manifest: blocking(LIBC, name) });
    assert.ok(
      decisions.some(
        (each: { object: string; after: string }) => each.object === LIBC && each.after === 'ACTION_BLOCK',
      ),
    );

    await client.call('PolicyService', 'SetPosture', { namespace: 'default', postures });
    await client.call('PolicyService', 'ApplyPolicy', { manifest });
    events.clear();
    assert.match(workOf(workload), printed);

    assert.match(exec(name, '/usr/bin/id').output, /ermission denied/);
    assert.match(exec(name, '/bin/dash', '-c', 'read line </etc/shadow').output, /ermission denied/);
    const refused = ['/usr/bin/id', '/etc/shadow'];
    for (const path of refused)
      await events.find(({ object, result }) => object === path && result === 'RESULT_DENIED');
    // What had come of the work would have come before these.
    assert.deepEqual(
      events.events.filter(({ object }) => !refused.includes(object)),
      [],
    );
    await client.call('PolicyService', 'DeletePolicy', { name });
  });
}
