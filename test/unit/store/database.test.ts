import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ClassicLevel } from 'classic-level';
import { Store } from '../../../src/store/store.js';

test('a change and its witness are on disk before the change is acknowledged', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-database-'));
  const handle = await open(directory);
  const datasync = t.mock.method(Object.getPrototypeOf(handle), 'datasync');
  const sync = t.mock.method(Object.getPrototypeOf(handle), 'sync');
  const batch = t.mock.method(ClassicLevel.prototype, 'batch');
  await handle.close();
  const store = await Store.open(join(directory, 'state'));
  await store.load();
  await store.commit({ revision: 1 });
  // The witness is a new file, so file and directory are synced.
  assert.ok(sync.mock.callCount() >= 2);
  const synced = datasync.mock.callCount();
  await store.commit({ revision: 2 });
  assert.ok(datasync.mock.callCount() > synced);
  await store.close();
  const options = batch.mock.calls.map((call) => (call.arguments as unknown[])[1]);
  assert.ok(options.length >= 2);
  for (const each of options) assert.deepEqual(each, { sync: true });
});
