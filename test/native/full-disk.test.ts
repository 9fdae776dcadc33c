import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Container } from '../../src/containers/container.js';
import { Failure } from '../../src/failure.js';
import { Store } from '../../src/store/store.js';

const BLOCK_BYTES = 4096;

/** A directory on a disk of 2 MiB. */
function smallDisk(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', directory]);
  t.after(() => {
    execFileSync('umount', [directory]);
    rmSync(directory, { recursive: true });
  });
  return directory;
}

function fill(disk: string): void {
  mkdirSync(join(disk, 'filling'));
  assert.throws(
    () => {
      for (let number = 0; ; number++) writeFileSync(join(disk, 'filling', `${number}`), Buffer.alloc(BLOCK_BYTES));
    },
    { code: 'ENOSPC' },
  );
}

function container(number: number, name = ''): Container {
  const namespaces = { pidNamespace: number, mountNamespace: number };
  return { id: `c${number}`, name, namespace: 'default', labels: {}, origin: 'docker', namespaces, links: {} };
}

/** Larger than the rest of the log's last block, so that a part of it is written. */
const large = (number: number) => container(number, 'x'.repeat(5 * BLOCK_BYTES));

async function idsIn(store: Store): Promise<string[]> {
  return (await store.load()).containers.map(({ id }) => id);
}

test('after a restart the store has what was written once a full disk had room again, and not what had failed', async (t) => {
  const disk = smallDisk(t);
  const directory = join(disk, 'state');
  const store = await Store.open(directory);
  await store.commit({ putContainers: [container(1)], revision: 1 });
  fill(disk);
  for (const number of [2, 3]) {
    await assert.rejects(store.commit({ putContainers: [large(number)], revision: number }), (error) => {
      assert.ok(error instanceof Failure);
      assert.equal(error.code, 'resource-exhausted');
      assert.equal(error.message, `cannot write to ${directory}: no space left on device`);
      return true;
    });
  }
  rmSync(join(disk, 'filling'), { recursive: true });
  assert.equal(readdirSync(disk).length, 2);
  // Concurrent, as changes and the accesses that profiles learn are.
  await Promise.all([
    store.commit({ putContainers: [container(4)], revision: 4 }),
    store.commit({ putContainers: [container(5)], deleteContainers: ['c1'] }),
  ]);
  assert.deepEqual(await idsIn(store), ['c4', 'c5']);
  await store.close();
  const next = await Store.open(directory);
  assert.deepEqual(await idsIn(next), ['c4', 'c5']);
  assert.equal((await next.load()).revision, 4);
  await next.close();
});
