import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Client, type EventStream } from '../support/client.js';
import { docker, enter, exec, startContainer } from '../support/docker.js';
import { makeProgramsImage, PROGRAMS_IMAGE } from '../support/programs-image.js';
import { PREPARATION, SAMPLES, type Step } from '../support/sample-table.js';
import { SharedDaemon } from '../support/shared-daemon.js';

const daemon = new SharedDaemon();
const client = new Client(daemon.address);
let events: EventStream;
let target: string;

before(async () => {
  makeProgramsImage();
  target = startContainer(PROGRAMS_IMAGE, 'target', '--label', 'app=target');
  startContainer(PROGRAMS_IMAGE, 'bystander', '--label', 'app=bystander');
  for (const name of ['target', 'bystander']) {
    const { status, output } = exec(name, '/bin/dash', '-c', PREPARATION);
    assert.equal(status, 0, output);
  }
  await daemon.start('process', 'file');
  events = await client.stream({ containerIds: [target] });
});

after(async () => {
  events?.cancel();
  client.close();
  await daemon.release();
  for (const name of ['target', 'bystander']) docker('rm', '-f', name);
});

for (const { name, manifest, steps } of SAMPLES) {
  test(name, async () => {
    const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest });
    try {
      for (const change of changes) assert.deepEqual(change.containerIds, [target]);
      for (const step of steps) await check(step);
    } finally {
      for (const change of changes) await client.call('PolicyService', 'DeletePolicy', change);
    }
  });
}

async function check(step: Step): Promise<void> {
  events.clear();
  const { status, output } =
    step.user === undefined
      ? enter('target', ...step.command)
      : docker('exec', '-u', step.user, 'target', ...step.command);
  const command = step.command.join(' ');
  if (step.expect === 'denied') {
    assert.match(output, /[Pp]ermission denied/, `${command}: ${status} ${output}`);
  } else {
    assert.equal(status, 0, `${command}: ${output}`);
  }
  if (step.event === undefined) {
    assert.deepEqual(events.events, [], command);
    return;
  }
  const { object, operation } = step.event;
  const event = await events.find((candidate) => candidate.object === object && candidate.operation === operation);
  const compared = Object.fromEntries(Object.keys(step.event).map((key) => [key, event[key as keyof typeof event]]));
  assert.deepEqual(compared, step.event, command);
  assert.equal(event.containerId, target);
  assert.equal(event.containerName, 'target');
  assert.equal(event.labels.app, 'target');
  assert.ok(event.pid > 0 && event.hostPid > 0 && event.comm.length > 0, JSON.stringify(event));
  if (event.policy !== 'DefaultPosture') {
    assert.equal(event.severity, 7);
    assert.deepEqual(event.tags, ['sample']);
    assert.equal(event.message, 'said by the sample');
  }
}

test('an event of a thread with a name of its own has the name and details of its process', async () => {
  const manifest = `apiVersion: security.kubearmor.com/v1
kind: KubeArmorPolicy
metadata: {name: thread}
spec: {selector: {matchLabels: {app: target}}, file: {matchPaths: [{path: /etc/shadow}]}}`;
  const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest });
  try {
    events.clear();
    const command = ['/bin/uses', 'open-in-thread', 'worker', '/etc/shadow'];
    assert.match(enter('target', ...command).output, /Permission denied/);
    const { comm, commandLine, containerUid } = await events.find(({ object }) => object === '/etc/shadow');
    assert.deepEqual({ comm, commandLine, containerUid }, { comm: 'uses', commandLine: command, containerUid: 0 });
  } finally {
    for (const change of changes) await client.call('PolicyService', 'DeletePolicy', change);
  }
});

test('a container that the policy does not select, and the host, see no change', async () => {
  const manifest = SAMPLES.map(({ manifest }, index) => manifest.replaceAll('name: s', `name: p${index}-s`)).join(
    '\n---\n',
  );
  const { changes } = await client.call('PolicyService', 'ApplyPolicy', { manifest });
  try {
    const script =
      'sleep 0 && ls / && whoami && /sbin/route && /home/user1/hello && cat /secret.txt /etc/shadow /etc/passwd ' +
      '/credentials/password && touch /credentials/new && mv /credentials/new /tmp/new && rm /tmp/new';
    const { status, output } = enter('bystander', '/bin/dash', '-c', script);
    assert.equal(status, 0, output);
    assert.match(readFileSync('/etc/shadow', 'utf8'), /^root:/);
    execFileSync('/bin/sleep', ['0']);
    assert.match(exec('target', '/bin/cat', '/etc/shadow').output, /[Pp]ermission denied/);
  } finally {
    for (const change of changes) await client.call('PolicyService', 'DeletePolicy', change);
  }
});
