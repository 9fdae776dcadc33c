import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import { ContainerDraft, KnownContainers } from '../../../src/control/known-containers.js';
import { finish } from '../../../src/steps.js';

function container(id: string, inode: number): Container {
  const namespaces = { pidNamespace: inode, mountNamespace: inode + 1 };
  return { id, name: id, namespace: 'n', labels: {}, origin: 'docker', namespaces, links: {} };
}
const idsIn = (containers: Iterable<Container>) => Array.from(containers, ({ id }) => id);

test('containers are found by id and by namespaces, also when another container takes these over', () => {
  const known = new KnownContainers([container('a', 10), container('b', 20)]);
  assert.deepEqual([known.size, known.get('a')?.id, known.at('20:21')?.id], [2, 'a', 'b']);
  known.put(container('c', 10));
  known.delete('a');
  assert.deepEqual([known.size, known.at('10:11')?.id, known.get('a')], [2, 'c', undefined]);
  known.put(container('b', 30));
  assert.deepEqual([known.at('20:21'), known.at('30:31')?.id], [undefined, 'b']);
  known.delete('c');
  known.delete('c');
  assert.deepEqual([known.at('10:11'), [...known.byId.keys()]], [undefined, ['b']]);
});

test('a draft shows changes as if they were made, and makes them all at once', () => {
  const known = new KnownContainers([container('a', 10), container('b', 20)]);
  const draft = new ContainerDraft(known);
  assert.equal(draft.isEmpty, true);
  draft.delete('a');
  draft.delete('none');
  draft.put(container('c', 10));
  draft.put(container('b', 30));
  draft.put(container('d', 40));
  draft.delete('d');
  assert.equal(draft.isEmpty, false);
  assert.deepEqual([draft.size, known.size], [2, 2]);
  assert.deepEqual(
    [draft.get('a'), draft.get('d'), draft.get('b')?.namespaces.pidNamespace],
    [undefined, undefined, 30],
  );
  assert.deepEqual(
    [draft.at('10:11')?.id, draft.at('20:21'), draft.at('30:31')?.id, draft.at('40:41')],
    ['c', undefined, 'b', undefined],
  );
  assert.deepEqual([idsIn(draft.changed), idsIn(draft.removed)], [['c', 'b'], ['a']]);
  assert.deepEqual([known.get('a')?.id, known.at('10:11')?.id], ['a', 'a']);
  finish(draft.applyTo(known));
  assert.deepEqual(
    [[...known.byId.keys()].sort(), known.at('10:11')?.id, known.at('20:21')],
    [['b', 'c'], 'c', undefined],
  );
});

test('a container that a draft removes and adds again is present', () => {
  const draft = new ContainerDraft(new KnownContainers([container('a', 10)]));
  draft.delete('a');
  assert.deepEqual([draft.size, draft.at('10:11')], [0, undefined]);
  draft.put(container('a', 10));
  assert.deepEqual([draft.size, draft.at('10:11')?.id, idsIn(draft.removed)], [1, 'a', []]);
});
