import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idOf } from '../../../src/control/findings.js';
import type { Holding } from '../../../src/kernel/holdings.js';
import { HELD_FILE } from '../../support/memory-holdings.js';

test('an open file is the same in whatever process, and another one of its name is not', () => {
  assert.equal(idOf({ ...HELD_FILE, hostPid: 78 }), idOf(HELD_FILE));
  assert.notEqual(idOf({ ...HELD_FILE, file: 6n }), idOf(HELD_FILE));
});

test('what is mapped is the same by whatever mapping of a process, and that of another process is not', () => {
  const mapped: Holding = { ...HELD_FILE, kind: 'mapping' };
  assert.equal(idOf({ ...mapped, file: 6n }), idOf(mapped));
  assert.notEqual(idOf({ ...mapped, hostPid: 78 }), idOf(mapped));
});

test('what one container holds is nothing that another one does', () => {
  const container = { ...HELD_FILE.container, pidNamespace: 4026530003 };
  for (const kind of ['descriptor', 'mapping'] as const)
    assert.notEqual(idOf({ ...HELD_FILE, kind, container }), idOf({ ...HELD_FILE, kind }));
});
