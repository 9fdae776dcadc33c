import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { namespaceKey } from '../../../src/containers/container.js';
import { watchExit } from '../../../src/containers/exit-watch.js';
import {
  checkNamespaces,
  hasRunNothing,
  heldFilesIn,
  hostNamespaces,
  hostRoot,
  initStartTicks,
  isAlive,
  isFirst,
  linkedDirectories,
  namespacesOf,
  ownNamespaces,
  processesByNamespaces,
  processIdentity,
  whereProcessesLive,
} from '../../../src/containers/procfs.js';
import type { Failure } from '../../../src/failure.js';
import { eventually } from '../../support/eventually.js';

/** The id of a process that has ended. */
const endedPid = () => spawnSync('true').pid;

test('a process is found by its namespaces, and identified by its start time', () => {
  const namespaces = namespacesOf(process.pid);
  assert.ok(namespaces.pidNamespace > 0 && namespaces.mountNamespace > 0);
  const processes = processesByNamespaces();
  assert.deepEqual(namespacesOf(processes.get(namespaceKey(namespaces))!.pid), namespaces);
  assert.equal(processes.get(namespaceKey({ pidNamespace: 1, mountNamespace: 1 })), undefined);

  const identity = processIdentity(process.pid);
  assert.equal(isAlive(identity), true);
  assert.equal(isAlive({ ...identity, startTicks: identity.startTicks + 1 }), false);
});

test('a process id that does not exist is refused', () => {
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

test("a namespace must be a container's: one of the host is refused for the field that named it", () => {
  const refused = (pidNamespace: number, mountNamespace: number, field: 'pid' | 'namespaces') => () =>
    checkNamespaces({ pidNamespace, mountNamespace }, field, 7);
  assert.throws(refused(1, 0, 'namespaces'), /namespaces\.mount_namespace: must be the inode/);
  assert.throws(refused(1, 7, 'namespaces'), /namespaces\.mount_namespace: is the host's own mount namespace/);
  assert.throws(refused(1, 7, 'pid'), /^Failure: pid: is the host's own mount namespace/);
  assert.doesNotThrow(refused(7, 8, 'namespaces'));
});

test('a zombie does not count as a process', async (t) => {
  const { shell, child } = await forked(t, 'exec 3<&0; (read line <&3) & echo $!; exec sleep 100');
  await eventually(() => readlinkSync(`/proc/${shell.pid}/exe`).endsWith('/sleep'), 'a parent that does not wait');
  shell.stdin.end();
  await eventually(() => /^State:\tZ/m.test(readFileSync(`/proc/${child}/status`, 'utf8')));
  const problem = (description: string) => (error: Failure) => {
    assert.deepEqual(error.problems, [{ field: 'pid', description }]);
    return true;
  };
  assert.throws(() => namespacesOf(child), problem(`process ${child} has ended`));
  assert.throws(() => processIdentity(child), problem(`no process ${child}`));
  assert.equal(isAlive({ pid: child, startTicks: processIdentity(shell.pid!).startTicks }), false);
});

test('a process that was forked and has executed no program is recognised', async (t) => {
  const { shell, child } = await forked(t, 'exec 3<&0; (read line <&3) & echo $!; wait');
  assert.equal(hasRunNothing(child), true);
  for (const pid of [shell.pid, process.pid, endedPid(), undefined]) assert.equal(hasRunNothing(pid), false);
});

test('the start time of a process can be read whatever its name contains', async (t) => {
  const directory = newDirectory(t);
  const program = join(directory, 'a) R 1 (b');
  copyFileSync('/bin/sleep', program);
  chmodSync(program, 0o755);
  const child = spawn(program, ['100']);
  t.after(() => child.kill());
  await once(child, 'spawn');
  await eventually(() => readlinkSync(`/proc/${child.pid}/exe`) === program);
  const { startTicks } = processIdentity(child.pid!);
  const uptimeTicks = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100;
  assert.ok(startTicks >= processIdentity(process.pid).startTicks, `${startTicks}`);
  assert.ok(startTicks <= uptimeTicks + 1 && startTicks > uptimeTicks - 60_000, `${startTicks} of ${uptimeTicks}`);
  assert.equal(hasRunNothing(child.pid), false);
});

test('the first process of a PID namespace is found from itself or from another process in it', () => {
  assert.deepEqual([1, process.pid, endedPid()].map(isFirst), [true, false, false]);
  const { startTicks } = processIdentity(1);
  assert.equal(initStartTicks(1, 1), startTicks);
  assert.equal(initStartTicks(1, process.pid), undefined, 'no process is in this namespace');
  const { pidNamespace } = namespacesOf(process.pid);
  assert.equal(initStartTicks(pidNamespace, process.pid), mayLookAtFirst() ? startTicks : undefined);
});

test('the namespaces of the host are those of process 1', { skip: !mayLookAtFirst() }, () => {
  assert.deepEqual(hostNamespaces(), namespacesOf(1));
  assert.deepEqual(ownNamespaces(), namespacesOf(process.pid));
  const isHere = ownNamespaces().mountNamespace === namespacesOf(1).mountNamespace;
  assert.equal(hostRoot(), isHere ? '' : '/proc/1/root');
});

test('a container is represented by its process with the lowest id', (t) => {
  const child = spawn('sleep', ['100']);
  t.after(() => child.kill());
  const key = namespaceKey(namespacesOf(process.pid));
  const { pid, startTicks } = processesByNamespaces().get(key)!;
  assert.ok(pid <= process.ppid || pid === process.pid, `${pid}`);
  assert.equal(processIdentity(pid).startTicks, startTicks);
  const isInhabited = whereProcessesLive();
  assert.deepEqual([isInhabited(key), isInhabited('1:1')], [true, false]);
});

test('top directories that are links into /usr are found, without following any', (t) => {
  const root = newDirectory(t);
  const links = {
    bin: 'usr/bin',
    lib: '/usr/lib',
    lib32: '../../usr/lib32',
    lib64: '/opt/lib64',
    libx32: '/usr/lib/x32',
  };
  for (const [name, target] of Object.entries(links)) symlinkSync(target, join(root, name));
  mkdirSync(join(root, 'sbin'));
  assert.deepEqual(linkedDirectories(0, root), { '/bin': '/usr/bin', '/lib': '/usr/lib', '/lib32': '/usr/lib32' });
});

test('the programs and mapped files of the processes of a container are listed by path if they still exist', async (t) => {
  const program = join(newDirectory(t), 'sleeper');
  copyFileSync('/bin/sleep', program);
  chmodSync(program, 0o755);
  const child = spawn(program, ['100']);
  t.after(() => child.kill());
  await eventually(() => readlinkSync(`/proc/${child.pid}/exe`) === program);
  const namespaces = namespacesOf(process.pid);
  const held = () => heldFilesIn(namespaces).find((each) => each.program.startsWith(program));
  await eventually(() => (held()?.mapped.length ?? 0) > 1);
  const { mapped } = held()!;
  assert.ok(mapped.includes(program) && mapped.some((path) => /\/libc[.-]/.test(path)), mapped.join());
  assert.deepEqual([new Set(mapped).size, mapped.filter((path) => !path.startsWith('/'))], [mapped.length, []]);
  rmSync(program);
  assert.equal(held(), undefined);
  assert.deepEqual(heldFilesIn({ pidNamespace: 1, mountNamespace: 1 }), []);
});

/** Runs a script that prints the id of a process it has forked. */
async function forked(t: TestContext, script: string) {
  const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => shell.kill());
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  return { shell, child: Number(line.toString()) };
}

function newDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'hauberk-procfs-'));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Whether this process has the privileges: tests also run without root. */
function mayLookAtFirst(): boolean {
  try {
    return statSync('/proc/1/ns/mnt').ino > 0;
  } catch {
    return false;
  }
}

// A watch does not keep this process alive, so a timer must.
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

test('the end of a process is reported once, and immediately if it has already ended', async () => {
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

test('a closed watch reports nothing', async () => {
  const child = spawn('sleep', ['100']);
  const watch = watchExit(child.pid!, () => assert.fail('reported'));
  watch.close();
  watch.close();
  child.kill();
  await once(child, 'exit');
});
