import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import koffi from 'koffi';
import { namespacesOf, ownNamespaces, processIdentity } from '../../src/containers/procfs.js';
import { containerKey, lookupIfPresent } from '../../src/kernel/map-elements.js';
import { PINNED_MAPS } from '../../src/kernel/map-pins.js';
import { NEW_CONTAINER_BYTES, NewContainers, type PossiblyNewContainer } from '../../src/kernel/new-containers.js';
import { checked } from '../../src/native/kernel-error.js';
import {
  checkedPointer,
  closeObject,
  findMap,
  initialValue,
  loadObject,
  mapDescriptor,
  nextProgram,
  openObject,
  type Pointer,
  programDescriptor,
  programName,
  setAutoload,
  setPinPath,
} from '../../src/native/object-functions.js';

/** The iterators alone: this machine's kernel may not be able to load the other programs. */
const object = checkedPointer('cannot open the programs', openObject('build/bpf/hauberk.bpf.o', null));
const mapNamed = (name: string) => checkedPointer(name, findMap(object, name));
/** The first process of each namespace, and the process that created it. */
const started: { readonly first: number; readonly maker: ChildProcess }[] = [];
let program: Pointer = null;
let ofListeners: Pointer = null;
let map: number;

before(() => {
  for (let each = nextProgram(object, null); each !== null; each = nextProgram(object, each)) {
    const isIterator = programName(each) === 'hauberk_mark_tasks';
    const isOfListeners = programName(each) === 'hauberk_mark_listeners';
    if (isIterator) program = each;
    if (isOfListeners) ofListeners = each;
    checked('cannot select a program', setAutoload(each, isIterator || isOfListeners));
  }
  for (const name of PINNED_MAPS) checked(name, setPinPath(mapNamed(name), null));
  koffi.encode(initialValue(mapNamed('.rodata'), [0]), 0, 'uint32', ownNamespaces().mountNamespace);
  checked('cannot load the iterators', loadObject(object));
  map = checked('new_containers', mapDescriptor(mapNamed('new_containers')));
});

after(() => {
  for (const { first, maker } of started) {
    process.kill(first, 'SIGKILL');
    maker.kill('SIGKILL');
  }
  closeObject(object);
});

const entryOf = (pid: number, isFirst = false): PossiblyNewContainer => ({
  container: namespacesOf(pid),
  ...(isFirst && { firstProcess: processIdentity(pid) }),
});

/** Marks the tasks of containers as if these were published; returns how many were marked. */
async function marks(containers: NewContainers, ...entries: PossiblyNewContainer[]): Promise<number> {
  const added = containers.add(entries);
  for (const each of added) containers.visible(each);
  containers.published(added);
  return containers.mark();
}

const iterators = () => ({
  taskIterator: checked('the program', programDescriptor(program)),
  listenerIterator: checked('the program', programDescriptor(ofListeners)),
});
const newContainers = () => new NewContainers(map, iterators(), [], true);
const isNoted = (pid: number) =>
  lookupIfPresent('new_containers', map, containerKey(namespacesOf(pid)), Buffer.alloc(NEW_CONTAINER_BYTES));
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

const INTO = ['--mount', '--pid', '--fork', '--kill-child'];

/** Process 1 of new namespaces, once it has written a line; `script` is what it does before it waits. */
async function start(command: string, ...parameters: string[]): Promise<number> {
  return firstProcessOf(spawn('unshare', [...INTO, command, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] }));
}

async function firstProcessOf(maker: ChildProcess): Promise<number> {
  await once(maker.stdout!, 'data');
  const first = childrenOf(maker.pid!)[0]!;
  started.push({ first, maker });
  return first;
}

test('every thread of every process in several containers is marked exactly once', async () => {
  const node = await start(process.execPath, '-e', 'console.log(1); setInterval(() => {}, 100000)');
  const shell = await start('sh', '-c', 'sleep 100000 & sleep 100000 & echo; wait');
  const threads = readdirSync(`/proc/${node}/task`).length;
  assert.ok(threads > 1);
  const containers = newContainers();
  assert.equal(await marks(containers, entryOf(node), entryOf(shell)), threads + 3);
  assert.deepEqual([isNoted(node), isNoted(shell)], [false, false]);
  // The containers are no longer new; one that was forgotten would be, but its tasks are marked already.
  assert.equal(await marks(containers, entryOf(node), entryOf(shell)), 0);
  containers.forget(namespacesOf(node));
  assert.equal(await marks(containers, entryOf(node)), 0);
});

/** Acts like a runtime before it executes the container's program: its child is process 1, and has executed nothing. */
const FORKED = `$| = 1; syscall(${process.arch === 'arm64' ? 97 : 272}, 0x20020000) == 0 or die $!;
  my $first = fork(); if ($first) { sleep 100000 }
  SCRIPT; print "\n"; sleep 100000;`;

async function startForked(script: string, ...descriptors: number[]): Promise<number> {
  const parameters = ['-e', FORKED.replace('SCRIPT', script)];
  return firstProcessOf(spawn('perl', parameters, { stdio: ['ignore', 'pipe', 'inherit', ...descriptors] }));
}

test('the first process is not marked before it has executed a program, and its children are', async () => {
  const first = await startForked('fork() or sleep 100000; fork() or sleep 100000');
  assert.equal(await marks(newContainers(), entryOf(first, true)), 2);
  // No first process is given, or one that had the same process id earlier.
  const another = { pid: first, startTicks: processIdentity(first).startTicks - 1 };
  assert.equal(await marks(newContainers(), { ...entryOf(first), firstProcess: another }), 1);
  const running = await start('sh', '-c', 'sleep 100000 & echo; wait');
  assert.equal(await marks(newContainers(), entryOf(running, true)), 2);
});

test('tasks that an earlier daemon has not marked are marked by the next one', async () => {
  const pid = await start('sh', '-c', 'sleep 100000 & echo; wait');
  newContainers().add([entryOf(pid)]);
  const known = { container: namespacesOf(pid), startTicks: 0 };
  assert.equal(await marks(new NewContainers(map, iterators(), [known], true), entryOf(pid)), 2);
  assert.equal(isNoted(pid), false);
  // A daemon of another build has marked none, one of this build has marked them.
  new NewContainers(map, iterators(), [known], false);
  assert.equal(isNoted(pid), true);
  newContainers();
  assert.equal(isNoted(pid), false);
});

/** Calls `use` with the descriptor of a socket that listens, and whether a container's process is known to listen by it. */
async function withListener(use: (socket: number, isKnown: () => boolean) => Promise<void>): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    const socket = (server as unknown as { _handle: { fd: number } })._handle.fd;
    const listeners = checked('listeners', mapDescriptor(mapNamed('listeners')));
    const known = () => lookupIfPresent('listeners', listeners, Uint32Array.of(socket), Buffer.alloc(LISTENER_BYTES));
    await use(socket, known);
  } finally {
    server.close();
  }
}

/** struct listener of bpf/include/listeners.h. */
const LISTENER_BYTES = 40;

test('the sockets by which a container listens that has run already are found, also where its first process is known', () =>
  withListener(async (socket, isKnown) => {
    const script = ['sh', '-c', 'echo; sleep 100000'];
    const running = await firstProcessOf(
      spawn('unshare', [...INTO, ...script], { stdio: ['ignore', 'pipe', 'inherit', socket] }),
    );
    assert.equal(isKnown(), false);
    await marks(newContainers(), entryOf(running, true));
    assert.equal(isKnown(), true);
  }));

test('a container whose first process had run nothing when the kernel began to decide for it is not searched', () =>
  withListener(async (socket, isKnown) => {
    const starting = await startForked('fork() or sleep 100000', socket);
    await marks(newContainers(), entryOf(starting, true));
    assert.equal(isKnown(), false);
  }));
