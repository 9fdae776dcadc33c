import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { flagValue, processesNamed, type RunningProcess } from '../runtime-setup/machine.js';

/** What `hauberk runtime install` writes for a runtime that reads it only when it starts, and nobody else does. */
const INSTALLED = [
  // One for each specification that a runtime of containerd had before.
  { runtime: 'containerd', directory: '/etc/containerd', file: /^hauberk-base-spec.*\.json$/u },
  { runtime: 'crio', directory: '/etc/crio/crio.conf.d', file: /^99-hauberk\.conf$/u },
] as const;

/**
 * Runtimes that have not yet read what was installed for them: their containers start without the hook.
 *
 * @param hostRoot where the host's files are seen
 */
export function restartWarnings(
  hostRoot: string,
  running: (name: string) => readonly Pick<RunningProcess, 'parameters' | 'started'>[] = processesNamed,
): string[] {
  return INSTALLED.flatMap(({ runtime, directory, file }) => {
    const written = modified(join(hostRoot, directory), file);
    if (written === undefined) return [];
    const isOld = running(runtime).some(({ parameters, started }) => started < written && !isDockers(parameters));
    return isOld ? [`${runtime} starts containers without the hook, which is installed, until it is restarted`] : [];
  });
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
