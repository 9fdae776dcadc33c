import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { Daemon } from '../support/daemon.js';
import { docker, exec } from '../support/docker.js';
import { startWorkload, WORKLOADS, type Workload } from '../support/workloads.js';

/** Read by every program. */
const LIBC = '/usr/lib/x86_64-linux-gnu/libc.so.6';

const daemon = new Daemon();
const client = new Client(daemon.address);
let events: EventStream;

before(async () => {
  execFileSync('tools/vm/docker', { stdio: 'inherit' });
  execFileSync('tools/vm/image', ['--merged-usr', 'services', '/usr/bin/dash'], { stdio: 'inherit' });
  for (const workload of WORKLOADS) startWorkload(workload);
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

/** What a profile has returned once must survive the daemon. */
async function restart(profile: string): Promise<void> {
  await client.call('ProfileService', 'GetProfile', { name: profile });
  events.cancel();
  await daemon.end('SIGKILL');
  await daemon.start();
  events = await client.stream();
}

for (const workload of WORKLOADS) {
  const { name, printed } = workload;
  test(`under the policy that is learnt from the work of ${name}, it can do the same work and nothing else`, async (context) => {
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
    // Events of the work would have arrived before these.
    assert.deepEqual(
      events.events.filter(({ object }) => !refused.includes(object)),
      [],
    );
    await client.call('PolicyService', 'DeletePolicy', { name });
  });
}
