import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { type Assignment, Assignments, entryOf, identityOf } from '../../../src/control/assignments.js';

const NAMESPACES = { pidNamespace: 11, mountNamespace: 12 };
const KERNEL_IMAGE = { descriptor: 1, imageId: 40, mapId: 1, bytes: 8 };

function container(id: string, changes: Partial<Container> = {}): Container {
  return { id, name: id, namespace: 'n', labels: {}, origin: 'docker', namespaces: NAMESPACES, links: {}, ...changes };
}

function assignment(id: string, changes: Partial<Container> = {}, leftOut: readonly string[] = []): Assignment {
  const kind = { leftOut, image: { kernelImage: KERNEL_IMAGE } };
  return { container: container(id, changes), kind } as unknown as Assignment;
}

test('the kernel gets the properties that distinguish a container from others', () => {
  const process = { pid: 7, startTicks: 70 };
  assert.deepEqual(entryOf(assignment('a')), { container: NAMESPACES, image: KERNEL_IMAGE });
  const known = { process, isFirstProcess: true, initStartTicks: 5, root: { device: 42 } } as const;
  assert.deepEqual(entryOf(assignment('a', known)), {
    container: NAMESPACES,
    initStartTicks: 5,
    firstProcess: process,
    process: 7,
    rootDevice: 42,
    image: KERNEL_IMAGE,
  });
  // Only the process that the runtime created may still run the runtime's own code.
  assert.equal(entryOf(assignment('a', { process })).firstProcess, undefined);
  assert.equal('firstProcess' in entryOf(assignment('a', { isFirstProcess: true })), false);
  assert.equal('rootDevice' in entryOf(assignment('a', { root: { problem: 'no overlay' } })), false);
});

test('device nodes of the host are looked for in process 1', () => {
  assert.equal(entryOf(assignment('host', { isHost: true })).process, 1);
});

test('a container that has restarted, or has another root, is a different one for the kernel', () => {
  const before = identityOf(container('a', { initStartTicks: 5, root: { device: 1 } }));
  assert.equal(identityOf(container('b', { initStartTicks: 5, root: { device: 1 } })), before);
  assert.notEqual(identityOf(container('a', { initStartTicks: 6, root: { device: 1 } })), before);
  assert.notEqual(identityOf(container('a', { initStartTicks: 5, root: { device: 2 } })), before);
  assert.notEqual(
    identityOf(
      container('a', { initStartTicks: 5, root: { device: 1 }, namespaces: { ...NAMESPACES, pidNamespace: 9 } }),
    ),
    before,
  );
});

test('the last assignment of namespaces decides in them, and removes the container that had them before', () => {
  const assignments = new Assignments();
  const first = assignment('first');
  const second = assignment('second', {}, ['n/p']);
  assert.equal(assignments.set(first), undefined);
  assert.equal(assignments.set(second), undefined);
  assert.equal(assignments.at('11:12'), second);
  assert.equal(assignments.delete('first'), first);
  assert.equal(assignments.at('11:12'), second);
  assert.deepEqual([...assignments.keys()], ['11:12']);
  assert.deepEqual([...assignments.leftOut], [['second', ['n/p']]]);
  const changed = assignment('second', { namespaces: { pidNamespace: 21, mountNamespace: 22 } });
  assert.equal(assignments.set(changed), second);
  assert.deepEqual([...assignments.keys()], ['21:22']);
  assert.deepEqual([...assignments.leftOut], []);
  assert.equal(assignments.get('second'), changed);
  assert.equal(assignments.delete('second'), changed);
  assert.equal(assignments.delete('second'), undefined);
  assert.deepEqual([...assignments.values()], []);
});
