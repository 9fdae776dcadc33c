import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { namespaceKey } from '../../../src/containers/container.js';
import { watchExit } from '../../../src/containers/exit-watch.js';
import {
  checkNamespaces,
  isAlive,
  namespacesOf,
  processesByNamespaces,
  processIdentity,
} from '../../../src/containers/procfs.js';
import type { Failure } from '../../../src/failure.js';

/** The id of a process that has ended. */
const endedPid = () => spawnSync('true').pid;

test('a process is found by its namespaces, and named for good by its start time', () => {
  const namespaces = namespacesOf(process.pid);
  assert.ok(namespaces.pidNamespace > 0 && namespaces.mountNamespace > 0);
  const processes = processesByNamespaces();
  assert.deepEqual(namespacesOf(processes.get(namespaceKey(namespaces))!.pid), namespaces);
  assert.equal(processes.get(namespaceKey({ pidNamespace: 1, mountNamespace: 1 })), undefined);

  const identity = processIdentity(process.pid);
  assert.equal(isAlive(identity), true);
  assert.equal(isAlive({ ...identity, startTicks: identity.startTicks + 1 }), false);
});

test('a process that does not exist is refused by its number', () => {
  const pid = endedPid();
  for (const look of [namespacesOf, processIdentity]) {
    assert.throws(
      () => look(pid),
      (error: Failure) => {
        assert.deepEqual(error.problems, [{ field: 'pid', description: `no process ${pid}` }]);
        return true;
      },
    );
  }
});

test('a namespace without a number is refused by its field', () => {
  assert.throws(
    () => checkNamespaces({ pidNamespace: 0, mountNamespace: 1 }, 'namespaces', 7),
    /^Failure: namespaces\.pid_namespace: must be the inode number of a namespace$/,
  );
});

// A watch does not keep this process alive; the tests must.
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

test('the end of a process is reported once, and at once when it has ended already', async () => {
  const child = spawn('sleep', ['100']);
  const exited = once(child, 'exit');
  const ended: string[] = [];
  await new Promise<void>((resolve) => {
    watchExit(child.pid!, () => {
      ended.push('child');
      resolve();
    });
    child.kill();
  });
  await exited;
  await new Promise<void>((resolve) => watchExit(endedPid(), resolve));
  assert.deepEqual(ended, ['child']);
});

test('a watch that was closed tells nothing', async () => {
  const child = spawn('sleep', ['100']);
  const watch = watchExit(child.pid!, () => assert.fail('told'));
  watch.close();
  watch.close();
  child.kill();
  await once(child, 'exit');
});
