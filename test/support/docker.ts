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
