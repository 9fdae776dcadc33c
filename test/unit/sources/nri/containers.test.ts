import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startingContainer } from '../../../../src/sources/nri/containers.js';
import { container, pod } from './runtime.js';

test('the image is the one that containerd names, and none where the pod may have written it', () => {
  const imageWith = (annotations: Record<string, string>) =>
    startingContainer({ ...container('a', 'p', 7), annotations }, pod('p'))?.description.image;
  const annotations = { 'io.kubernetes.cri.image-name': 'docker.io/library/web:2' };
  assert.equal(imageWith(annotations), 'docker.io/library/web:2');
  assert.equal(imageWith({}), undefined);
  assert.equal(imageWith({ ...annotations, 'io.kubernetes.cri-o.ContainerType': 'container' }), undefined);
});
