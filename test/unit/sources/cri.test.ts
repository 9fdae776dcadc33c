import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { TaskExit, TaskStart } from '../../../src/generated/containerd/services/events/v1/events.js';
import { ContainerState } from '../../../src/generated/runtime/v1/runtime.js';
import { readContainerdEvent } from '../../../src/sources/containerd-events.js';
import { criConnection } from '../../../src/sources/cri.js';
import { readPid } from '../../../src/sources/cri-client.js';
import { readCriAnnotations } from '../../../src/sources/cri-hook.js';
import type { SourceContainer } from '../../../src/sources/source.js';
import { eventually } from '../../support/eventually.js';
import { type FakeContainer, serveFakeCri } from '../../support/fake-cri.js';
import { temporaryDirectory } from '../rpc/support.js';

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

test("a container's image is known from the annotations of its runtime, and never its mere id", () => {
  const crio = {
    'io.kubernetes.cri-o.ContainerType': 'container',
    'io.kubernetes.container.name': 'main',
    'io.kubernetes.cri-o.SandboxID': 's',
  };
  const imageOf = (name: string) => {
    const read = readCriAnnotations({ ...crio, 'io.kubernetes.cri-o.ImageName': name }, 'crio');
    return read?.kind === 'container' ? read.image : undefined;
  };
  assert.equal(imageOf('quay.io/web:2'), 'quay.io/web:2');
  assert.equal(imageOf(`sha256:${'0a'.repeat(32)}`), undefined);
  const containerd = {
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.container-name': 'main',
    'io.kubernetes.cri.sandbox-id': 's',
    'io.kubernetes.cri.image-name': 'docker.io/library/web:2',
  };
  const read = readCriAnnotations(containerd, 'containerd');
  assert.equal(read?.kind === 'container' && read.image, 'docker.io/library/web:2');
});

test("a container's image is its name in the runtime's list or, where that has only an id, in its status", async (t) => {
  const id = `sha256:${'0a'.repeat(32)}`;
  const named = (image: string, userSpecifiedImage = '') => ({ image, userSpecifiedImage });
  const container = (name: string, inList: ReturnType<typeof named>, inStatus = inList): FakeContainer => ({
    container: {
      id: name,
      podSandboxId: 's',
      metadata: { name },
      image: inList,
      state: ContainerState.CONTAINER_RUNNING,
    },
    status: { id: name, state: ContainerState.CONTAINER_RUNNING, image: inStatus },
    pid: process.pid,
  });
  const sandbox = { id: 's', metadata: { name: 'web-1', uid: 'u', namespace: 'shop' }, labels: {} };
  const { address, counts } = await serveFakeCri(
    t,
    temporaryDirectory(t),
    [sandbox],
    [
      container('listed', named('web:1')),
      container('asked', named(id, 'web:2')),
      container('resolved', named(id), named('docker.io/library/web:3')),
      container('unnamed', named(id)),
    ],
  );
  const ended = new AbortController();
  const found = new Map<string, SourceContainer>();
  const keep = (each: SourceContainer) => found.set(each.description.id, each);
  let started = 0;
  const sink = {
    running: (all: readonly SourceContainer[]) => all.forEach(keep),
    started: () => started++,
    ended: () => undefined,
  };
  await new Promise<void>((resolve, reject) => {
    const connection = criConnection({ name: 'fake', address });
    connection.follow(sink, resolve, ended.signal).catch(reject);
  });
  const asked = { ...counts };
  await eventually(() => counts.lists > asked.lists, 'a second list');
  // What it would ask for or report comes after it.
  await sleep(200);
  ended.abort();
  assert.deepEqual(
    [...found.values()].map(({ description }) => [description.id, description.image]),
    [
      ['listed', 'web:1'],
      ['asked', 'web:2'],
      ['resolved', 'docker.io/library/web:3'],
      ['unnamed', undefined],
    ],
  );
  assert.deepEqual([counts.status, started], [asked.status, 0], 'a second list asks for and reports nothing again');
});
