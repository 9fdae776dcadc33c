import { spawnSync } from 'node:child_process';

/** Debian's client; another on the PATH may be too new for the daemon. */
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

/** Starts a container that sleeps, without a network unless a flag gives it one; returns its id. */
export function startContainer(image: string, name: string, ...flags: string[]): string {
  const { status, output } = docker(
    'run',
    '-d',
    '--name',
    name,
    ...(flags.some((flag) => flag.startsWith('--network=')) ? [] : ['--network=none']),
    ...flags,
    image,
    '/bin/sleep',
    '100000',
  );
  if (status !== 0) throw new Error(output);
  return output.trim();
}

export function exec(container: string, ...command: string[]): Outcome {
  return docker('exec', container, ...command);
}

const ENTERED: NodeJS.ProcessEnv = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
};

/**
 * A command that runs with all privileges in a container that goes on running, and its environment: entered by its
 * namespaces, which an emulated machine does ten times as fast as `docker exec`.
 */
export function entering(container: string, ...command: string[]) {
  const into = ['--target', firstProcessOf(container), '--all', '--root', '--wd'];
  // Node.js gives a program Unix sockets to speak through, on which the rules of the container would hold.
  const script = 'set -o pipefail; "$@" 2>&1 </dev/null | cat';
  return {
    file: '/bin/bash',
    parameters: ['-c', script, 'bash', '/usr/bin/nsenter', ...into, '--', ...command],
    env: ENTERED,
  };
}

export function enter(container: string, ...command: string[]): Outcome {
  const { file, parameters, env } = entering(container, ...command);
  const { status, stdout, stderr } = spawnSync(file, parameters, { encoding: 'utf8', env });
  return { status: status ?? -1, output: stdout + stderr };
}

const firstProcesses = new Map<string, string>();

function firstProcessOf(container: string): string {
  const known = firstProcesses.get(container);
  if (known !== undefined) return known;
  const { output } = docker('inspect', '--format', '{{.State.Pid}}', container);
  firstProcesses.set(container, output.trim());
  return output.trim();
}
