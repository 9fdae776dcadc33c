import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '../../src/containers/container.js';
import { Store } from '../../src/store/store.js';
import { failEachCall } from './failing-calls.js';

/**
 * A program, to be run with the library of failing calls: lets each system call of a store fail in turn, and checks that what was
 * acknowledged, and nothing else, is there afterwards. Parameters: an empty directory, the number of the error, a limit in
 * seconds. Prints how many calls have failed.
 */

const [place = '', error = '', seconds = ''] = process.argv.slice(2);
const COMMITS = 4;

const container = (id: string): Container => ({
  id,
  name: 'x'.repeat(5000),
  namespace: 'default',
  labels: {},
  origin: 'docker',
  namespaces: { pidNamespace: 1, mountNamespace: 1 },
  links: {},
});

const open = (directory: string) => Store.open(join(directory, 'state'), join(directory, 'witness'));
/** The containers whose change was acknowledged. */
let acknowledged: string[] = [];

async function prepare(round: number): Promise<string> {
  const directory = join(place, `${round}`);
  mkdirSync(directory);
  const store = await open(directory);
  await store.load();
  await store.commit({ putContainers: [container('before')] });
  await store.close();
  acknowledged = ['before'];
  return directory;
}

async function change(directory: string): Promise<void> {
  let store: Store | undefined;
  try {
    store = await open(directory);
    await store.load();
    for (let number = 0; number < COMMITS; number++) {
      const id = `c${number}`;
      await store.commit({ putContainers: [container(id)] }).then(
        () => acknowledged.push(id),
        () => undefined,
      );
    }
  } catch {
    // The daemon would not start, and say why.
  }
  await store?.close().catch(() => undefined);
}

async function check(directory: string, call: string): Promise<void> {
  const store = await open(directory);
  const { damage, containers } = await store.load();
  await store.close();
  assert.deepEqual(damage, [], call);
  assert.deepEqual(containers.map(({ id }) => id).toSorted(), acknowledged.toSorted(), call);
}

console.log(await failEachCall(Number(error), Number(seconds), prepare, change, check));
