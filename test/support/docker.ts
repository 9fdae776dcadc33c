import { type SpawnSyncOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Debian's client; another one in PATH may be too new for the daemon. */
const CLIENT = '/usr/bin/docker';

export interface Outcome {
  readonly status: number;
  readonly output: string;
}

/** Real containers of the Docker daemon that runs in the virtual machine. */
export function docker(...parameters: string[]): Outcome {
  const { status, stdout, stderr } = spawnSync(CLIENT, parameters, { encoding: 'utf8' });
  return { status: status ?? -1, output: stdout + stderr };
}

/**
 * Starts a container that sleeps, in the host's network unless a flag says otherwise: to set up even an empty network of a
 * container's own, Docker runs dockerd twice more, which takes an emulated machine seconds. Returns its id.
 */
export function startContainer(image: string, name: string, ...flags: string[]): string {
  const { status, output } = docker(
    'run',
    '-d',
    '--name',
    name,
    ...(flags.some((flag) => flag.startsWith('--network=')) ? [] : ['--network=host']),
    ...flags,
    image,
    '/bin/sleep',
    '100000',
  );
  if (status !== 0) throw new Error(output);
  const id = output.trim();
  firstProcesses.set(name, readFileSync(join(TASKS, id, 'init.pid'), 'utf8'));
  return id;
}

export function exec(container: string, ...command: string[]): Outcome {
  return docker('exec', container, ...command);
}

/**
 * Runs a command with all privileges in a running container by entering its namespaces, which an emulated machine
 * does several times as fast as `docker exec`.
 */
export function enter(container: string, ...command: string[]): Outcome {
  const { parameters, options, read } = entering(container, command);
  const { status } = spawnSync(NSENTER, parameters, options);
  return { status: status ?? -1, output: read() };
}

interface EnteringOptions {
  readonly variables?: NodeJS.ProcessEnv;
  /** Programs of another user than root get no privileges. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** The same without blocking this process, for commands that take longer than a server waits for a client's answer. */
export async function enterMeanwhile(container: string, command: string[], { variables, user }: EnteringOptions = {}) {
  const { parameters, options, read } = entering(container, command, variables);
  const as = user === undefined ? [] : ['--setuid', `${user.uid}`, '--setgid', `${user.gid}`];
  const [status] = await once(spawn(NSENTER, [...as, ...parameters], options), 'exit');
  return { status: status ?? -1, output: read() } as Outcome;
}

const NSENTER = '/usr/bin/nsenter';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

function entering(container: string, command: readonly string[], variables: NodeJS.ProcessEnv = {}) {
  // A file, since Node.js uses Unix sockets as pipes, for which the container's rules would hold.
  const file = join(mkdtempSync(join(tmpdir(), 'hauberk-entered-')), 'output');
  const output = openSync(file, 'w');
  return {
    parameters: ['--target', firstProcessOf(container), '--all', '--root', '--wd', '--', ...command],
    options: { stdio: ['ignore', output, output], env: { PATH, HOME: '/root', ...variables } } as SpawnSyncOptions,
    read: () => {
      closeSync(output);
      return readFileSync(file, 'utf8');
    },
  };
}

/** Where containerd keeps the ids of first processes: to ask Docker takes an emulated machine a second. */
const TASKS = '/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby';
const firstProcesses = new Map<string, string>();

function firstProcessOf(container: string): string {
  const known = firstProcesses.get(container);
  if (known !== undefined) return known;
  const { output } = docker('inspect', '--format', '{{.State.Pid}}', container);
  firstProcesses.set(container, output.trim());
  return output.trim();
}
