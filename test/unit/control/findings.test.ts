import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf } from '../../../src/control/findings.js';
import type { Holding } from '../../../src/kernel/holdings.js';

const held: Holding = {
  kind: 'descriptor',
  container: { pidNamespace: 4026530001, mountNamespace: 4026530002 },
  file: 5n,
  imageId: 40,
  rule: 0,
  hostPid: 77,
  path: '/etc/shadow',
  program: '/bin/cat',
};

test('an open file is the same in whatever process, and another one of its name is not', () => {
  assert.equal(idOf({ ...held, hostPid: 78 }), idOf(held));
  assert.notEqual(idOf({ ...held, file: 6n }), idOf(held));
});

test('what is mapped is the same by whatever mapping of a process, and that of another process is not', () => {
  const mapped: Holding = { ...held, kind: 'mapping' };
  assert.equal(idOf({ ...mapped, file: 6n }), idOf(mapped));
  assert.notEqual(idOf({ ...mapped, hostPid: 78 }), idOf(mapped));
});

test('what one container holds is nothing that another one does', () => {
  const container = { ...held.container, pidNamespace: 4026530003 };
  for (const kind of ['descriptor', 'mapping'] as const)
    assert.notEqual(idOf({ ...held, kind, container }), idOf({ ...held, kind }));
});
