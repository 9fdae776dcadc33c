import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../../src/containers/container.js';
import type { Claim, Kinds } from '../../../src/control/container-kinds.js';
import { Preparation } from '../../../src/control/preparation.js';

function container(id: string, namespace = 'n'): Container {
  const namespaces = { pidNamespace: 1, mountNamespace: 2 };
  return { id, name: id, namespace, labels: {}, origin: 'docker', namespaces, links: {} };
}

/** A preparation, and what it has compiled and released. */
function prepare() {
  const reported: string[] = [];
  const kinds = {
    async claim(each: Container) {
      reported.push(`claim ${each.id}`);
      return { container: each, kind: { leftOut: each.id === 'large' ? ['n/p'] : [] } };
    },
  };
  const preparation = new Preparation(
    kinds as unknown as Kinds,
    ({ namespace }) => namespace === 'n',
    (claim: Claim) => reported.push(`give back ${claim.container.id}`),
  );
  return { preparation, reported };
}

test('containers that were added, changed or removed meanwhile are included, each once', async () => {
  const { preparation, reported } = prepare();
  await preparation.claim(container('a'));
  await preparation.claim(container('b'));
  assert.equal(preparation.isUpToDate, true);
  for (const id of ['a', 'b', 'new', 'other']) preparation.touch(id);
  assert.equal(preparation.isUpToDate, false);
  const now = new Map([
    ['a', container('a')],
    ['new', container('new')],
    ['other', container('other', 'elsewhere')],
  ]);
  reported.length = 0;
  await preparation.catchUp((id) => now.get(id));
  assert.deepEqual(reported, ['claim a', 'give back a', 'give back b', 'claim new']);
  assert.deepEqual([...preparation.claims.keys()], ['a', 'new']);
  assert.equal(preparation.isUpToDate, true);
  reported.length = 0;
  await preparation.catchUp(() => assert.fail('looked at again'));
  assert.deepEqual(reported, []);
});

test('a cancelled preparation releases everything that it has compiled, once', async () => {
  const { preparation, reported } = prepare();
  await preparation.claim(container('a'));
  await preparation.claim(container('large'));
  assert.deepEqual([...preparation.leftOut], [['large', ['n/p']]]);
  reported.length = 0;
  preparation.giveUp();
  preparation.giveUp();
  assert.deepEqual(reported, ['give back a', 'give back large']);
  assert.equal(preparation.claims.size, 0);
});
