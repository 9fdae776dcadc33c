import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { Failure, invalidInput } from '../failure.js';
import { finish, isStep, type Steps } from '../steps.js';
import { type NamespacePair, namespaceKey, type ProcessIdentity } from './container.js';

const START_TIME_FIELD = 22;
const LINKABLE_DIRECTORIES = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/**
 * The namespaces of the host: those of process 1 as this process sees it.
 *
 * @throws Failure failed-precondition where process 1 may not be looked at
 */
export function hostNamespaces(): NamespacePair {
  try {
    return { pidNamespace: statSync('/proc/1/ns/pid').ino, mountNamespace: statSync('/proc/1/ns/mnt').ino };
  } catch (cause) {
    const message = `cannot determine the host's mount namespace: ${(cause as Error).message} (CAP_SYS_PTRACE is needed)`;
    throw new Failure('failed-precondition', message, [], { cause });
  }
}

/** The namespaces this process lives in. */
export function ownNamespaces(): NamespacePair {
  return { pidNamespace: statSync('/proc/self/ns/pid').ino, mountNamespace: statSync('/proc/self/ns/mnt').ino };
}

/** Where the host's files are seen: empty, or `/proc/1/root` from inside a container. */
export function hostRoot(): string {
  return ownNamespaces().mountNamespace === hostNamespaces().mountNamespace ? '' : '/proc/1/root';
}

/**
 * The namespaces a process lives in.
 *
 * @throws Failure invalid-argument for field `pid` when there is no such process, or when it has ended
 */
export function namespacesOf(pid: number): NamespacePair {
  if (!existsSync(`/proc/${pid}`)) throw badPid(`no process ${pid}`);
  const inode = (name: string) => statSync(`/proc/${pid}/ns/${name}`).ino;
  try {
    return { pidNamespace: inode('pid'), mountNamespace: inode('mnt') };
  } catch (error) {
    // A zombie still has an entry, but no namespaces.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw badPid(`process ${pid} has ended`);
    throw badPid(`cannot look at process ${pid}: ${(error as Error).message}`);
  }
}

/** @throws Failure invalid-argument for field `pid` when there is no such process */
export function processIdentity(pid: number): ProcessIdentity {
  const startTicks = startTicksOf(pid);
  if (startTicks === undefined) throw badPid(`no process ${pid}`);
  return { pid, startTicks };
}

export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  return startTicksOf(pid) === startTicks;
}

/** For each pair of namespaces that processes live in, by namespaceKey, the one of these with the lowest number. */
export function processesByNamespaces(): Map<string, ProcessIdentity> {
  return finish(processesByNamespacesInSteps());
}

/** The same, so that other work can run between its steps: there may be thousands of processes. */
export function* processesByNamespacesInSteps(): Steps<Map<string, ProcessIdentity>> {
  const found = new Map<string, ProcessIdentity>();
  const pids = processIds().sort((a, b) => a - b);
  for (const [place, pid] of pids.entries()) {
    if (isStep(place)) yield;
    try {
      const key = namespaceKey(namespacesOf(pid));
      if (!found.has(key)) found.set(key, processIdentity(pid));
    } catch {
      // It ended while it was looked at.
    }
  }
  return found;
}

/** A function that says whether processes live in both namespaces, as of now. */
export function whereProcessesLive(): (namespaceKey: string) => boolean {
  const found = processesByNamespaces();
  return (key) => found.has(key);
}

/**
 * When process 1 of a pid namespace started, in clock ticks since boot; undefined if there is no longer such a process,
 * or when its first thread has ended.
 *
 * @param pid any process in the namespace
 */
export function initStartTicks(pidNamespace: number, pid: number): number | undefined {
  const init = isFirst(pid) ? pid : findFirstIn(pidNamespace);
  return init === undefined ? undefined : startTicksOf(init);
}

/** Whether a process is number 1 in the innermost of its pid namespaces. */
export function isFirst(pid: number): boolean {
  try {
    return /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** PF_FORKNOEXEC of include/linux/sched.h. */
const FORKED_WITHOUT_PROGRAM = 0x40;

/** Whether a process was forked and has run no program since, as the runtime that sets a container up. */
export function hasRunNothing(pid: number | undefined): boolean {
  try {
    const [, fields = ''] = /^.*\) (.*)$/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return (Number(fields.split(' ')[6]) & FORKED_WITHOUT_PROGRAM) !== 0;
  } catch {
    return false;
  }
}

function findFirstIn(pidNamespace: number): number | undefined {
  return processIds().find((pid) => {
    try {
      return isFirst(pid) && namespacesOf(pid).pidNamespace === pidNamespace;
    } catch {
      // It ended while it was looked at.
      return false;
    }
  });
}

/** Of all processes that are seen from here. */
function processIds(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/**
 * Refuses what cannot be a container: policies would reach the host itself.
 *
 * @param field the request's field that named the namespaces
 * @throws Failure invalid-argument
 */
export function checkNamespaces(
  { pidNamespace, mountNamespace }: NamespacePair,
  field: 'pid' | 'namespaces',
  hostMountNamespace: number,
): void {
  const named = field === 'namespaces';
  if (pidNamespace === 0 || mountNamespace === 0) {
    const part = pidNamespace === 0 ? 'pid_namespace' : 'mount_namespace';
    throw invalidInput([{ field: `${field}.${part}`, description: 'must be the inode number of a namespace' }]);
  }
  if (mountNamespace === hostMountNamespace) {
    throw invalidInput([
      {
        field: named ? `${field}.mount_namespace` : field,
        description: "is the host's own mount namespace; a container needs one of its own",
      },
    ]);
  }
}

/**
 * Top directories of a root that are links into /usr: `{ '/bin': '/usr/bin' }` where /usr is merged. If it cannot be
 * read (CAP_DAC_READ_SEARCH), all are assumed to be links. No link is followed, so none leads out of the root.
 *
 * @param root where the root of the process lies or, before it was switched to it, will lie from
 */
export function linkedDirectories(process: number, root = `/proc/${process}/root`): Record<string, string> {
  const links: Record<string, string> = {};
  for (const name of LINKABLE_DIRECTORIES) {
    try {
      const target = posix.resolve('/', readlinkSync(`${root}/${name}`));
      if (/^\/usr\/[a-z0-9]+$/.test(target)) links[`/${name}`] = target;
    } catch (error) {
      // Otherwise not a link, or no such directory. An unnecessary second name is harmless, a missing one leaves a gap.
      if ((error as NodeJS.ErrnoException).code === 'EACCES') links[`/${name}`] = `/usr/${name}`;
    }
  }
  return links;
}

/** Field 22 of /proc/PID/stat; the second field, the name, may hold spaces and parentheses. */
function startTicksOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return Number(fields[START_TIME_FIELD - 3]);
}

function badPid(description: string): Error {
  return invalidInput([{ field: 'pid', description }]);
}

/** What a process of a container already holds: paths as the container sees them. */
export interface HeldFiles {
  /** The program of a process. */
  readonly program: string;
  /** Files it has mapped into its memory, the program and its libraries among them. */
  readonly mapped: readonly string[];
}

/** One for each process that lives in both namespaces and runs a program with a name. */
export function heldFilesIn(namespaces: NamespacePair): HeldFiles[] {
  const wanted = namespaceKey(namespaces);
  return processIds().flatMap((pid) => {
    try {
      if (namespaceKey(namespacesOf(pid)) !== wanted) return [];
      const program = readlinkSync(`/proc/${pid}/exe`);
      // The last of six columns; names in brackets are none of files.
      const columns = readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(/^(?:\S+\s+){5}(\/.*)$/gm);
      const mapped = new Set([...columns].map(([, path]) => path!).filter(isStillThere));
      return isStillThere(program) ? [{ program, mapped: [...mapped] }] : [];
    } catch {
      // It has ended meanwhile, or is a kernel thread.
      return [];
    }
  });
}

function isStillThere(path: string): boolean {
  return path.startsWith('/') && !path.endsWith(' (deleted)');
}
