import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskExit, TaskStart } from '../../../src/generated/containerd/services/events/v1/events.js';
import { readContainerdEvent } from '../../../src/sources/containerd-events.js';
import { readPid } from '../../../src/sources/cri-client.js';
import { readCriAnnotations } from '../../../src/sources/cri-hook.js';

function envelope(topic: string, value: Uint8Array) {
  return { namespace: 'k8s.io', topic, event: { typeUrl: '', value } };
}

test("containerd's events report starts with their process, and ends", () => {
  const start = TaskStart.encode({ containerId: 'a', pid: 7 }).finish();
  const exit = TaskExit.encode({ containerId: 'a', id: 'a' }).finish();
  assert.deepEqual(readContainerdEvent(envelope('/tasks/start', start)), { type: 'started', id: 'a', pid: 7 });
  assert.deepEqual(readContainerdEvent(envelope('/tasks/exit', exit)), { type: 'ended', id: 'a' });
});

test('the end of a process that was started in a container by exec is not the end of the container', () => {
  const exit = TaskExit.encode({ containerId: 'a', id: 'exec-1' }).finish();
  assert.equal(readContainerdEvent(envelope('/tasks/exit', exit)), undefined);
});

test('the process is read from runtime-specific data, and without it there is an error that names the container', () => {
  assert.equal(readPid('a', { info: '{"sandboxID":"s","pid":42}' }), 42);
  for (const info of [{}, { info: '{}' }, { info: '{"pid":0}' }, { info: '{"pid":"42"}' }, { info: '{' }] as Record<
    string,
    string
  >[])
    assert.throws(() => readPid('a', info), /container a/);
});

test('annotations of containerd and CRI-O distinguish sandboxes from containers, and contain the name', () => {
  assert.deepEqual(readCriAnnotations({ 'io.kubernetes.cri.container-type': 'sandbox' }, 'containerd'), {
    kind: 'sandbox',
  });
  assert.deepEqual(readCriAnnotations({ 'io.kubernetes.cri-o.ContainerType': 'sandbox' }, 'crio'), { kind: 'sandbox' });
  const expected = { kind: 'container', name: 'main', sandboxId: 's' };
  assert.deepEqual(
    readCriAnnotations(
      {
        'io.kubernetes.cri.container-type': 'container',
        'io.kubernetes.cri.container-name': 'main',
        'io.kubernetes.cri.sandbox-id': 's',
      },
      'containerd',
    ),
    expected,
  );
  assert.deepEqual(
    readCriAnnotations(
      {
        'io.kubernetes.cri-o.ContainerType': 'container',
        'io.kubernetes.container.name': 'main',
        'io.kubernetes.cri-o.SandboxID': 's',
      },
      'crio',
    ),
    expected,
  );
});

test('annotations without those of CRI are ignored, and incomplete ones are an error', () => {
  assert.equal(readCriAnnotations({ 'org.example/team': 'shop' }, 'crio'), undefined);
  assert.throws(
    () => readCriAnnotations({ 'io.kubernetes.cri.container-type': 'container' }, 'containerd'),
    /not its name/,
  );
  assert.throws(
    () => readCriAnnotations({ 'io.kubernetes.cri.container-type': 'other' }, 'containerd'),
    /type other but not/,
  );
});

test("a pod of CRI-O that writes containerd's annotations is neither taken for a sandbox nor for another pod", () => {
  const own = {
    'io.kubernetes.cri-o.ContainerType': 'container',
    'io.kubernetes.container.name': 'main',
    'io.kubernetes.cri-o.SandboxID': 's',
  };
  const forged = {
    'io.kubernetes.cri.container-type': 'sandbox',
    'io.kubernetes.cri.container-name': 'etcd',
    'io.kubernetes.cri.sandbox-id': 'other',
  };
  const expected = { kind: 'container', name: 'main', sandboxId: 's' };
  assert.deepEqual(readCriAnnotations({ ...forged, ...own }, 'crio'), expected);
});
