import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { nriSocketIn } from '../runtime-setup/containerd-config.js';
import { flagValue, processesNamed, type RunningProcess } from '../runtime-setup/machine.js';

/** What `hauberk runtime install` writes for a runtime that reads it only when it starts, and nobody else does. */
const INSTALLED = [
  // One for each specification that a runtime of containerd had before.
  { runtime: 'containerd', directory: '/etc/containerd', file: /^hauberk-base-spec.*\.json$/u },
  { runtime: 'crio', directory: '/etc/crio/crio.conf.d', file: /^99-hauberk\.conf$/u },
] as const;

const CONTAINERD = { directory: '/etc/containerd', file: /^config\.toml$/u } as const;

/**
 * Runtimes that have not yet read what was installed for them: their containers start without the hook, or without
 * asking by NRI.
 *
 * @param hostRoot where the host's files are seen
 */
export function restartWarnings(
  hostRoot: string,
  running: (name: string) => readonly Pick<RunningProcess, 'parameters' | 'started'>[] = processesNamed,
): string[] {
  const isOld = (runtime: string, directory: string, file: RegExp) => {
    const written = modified(join(hostRoot, directory), file);
    if (written === undefined) return false;
    return running(runtime).some(({ parameters, started }) => started < written && !isDockers(parameters));
  };
  const warnings = INSTALLED.filter(({ runtime, directory, file }) => isOld(runtime, directory, file)).map(
    ({ runtime }) => `${runtime} starts containers without the hook, which is installed, until it is restarted`,
  );
  if (isNriMissing(hostRoot) && isOld('containerd', CONTAINERD.directory, CONTAINERD.file))
    warnings.push('containerd does not serve NRI, which its configuration switches on, until it is restarted');
  return warnings;
}

/** Whether containerd's configuration switches NRI on, and its socket is not there. */
function isNriMissing(hostRoot: string): boolean {
  const path = join(hostRoot, CONTAINERD.directory, 'config.toml');
  try {
    const socket = nriSocketIn(path, readFileSync(path, 'utf8'));
    // From inside a container the host's /var/run, a link, would lead to the container's own.
    return socket !== undefined && !existsSync(join(hostRoot, socket.replace(/^\/var\/run\//u, '/run/')));
  } catch {
    // It cannot be examined from here, or is not valid, so it is not known.
    return false;
  }
}

/** Docker may run a containerd of its own, which reads none of these files. */
function isDockers(parameters: readonly string[]): boolean {
  return flagValue(parameters, '--config', '-c')?.includes('/docker/containerd/') === true;
}

/** When the newest file of such a name was written, in milliseconds since the Unix epoch; undefined if there is none. */
function modified(directory: string, file: RegExp): number | undefined {
  try {
    const names = readdirSync(directory).filter((name) => file.test(name));
    return names.length === 0 ? undefined : Math.max(...names.map((name) => statSync(join(directory, name)).mtimeMs));
  } catch {
    // It cannot be examined from here, so it is not known whether there is one.
    return undefined;
  }
}
