import { statSync } from 'node:fs';
import { flagValue, processesNamed, type RunningProcess } from '../runtime-setup/machine.js';

/** What `hauberk runtime install` writes for a runtime that reads it only when it starts, and nobody else does. */
const INSTALLED = [
  { runtime: 'containerd', file: '/etc/containerd/hauberk-base-spec.json' },
  { runtime: 'crio', file: '/etc/crio/crio.conf.d/99-hauberk.conf' },
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
  return INSTALLED.flatMap(({ runtime, file }) => {
    const written = modified(`${hostRoot}${file}`);
    if (written === undefined) return [];
    const isOld = running(runtime).some(({ parameters, started }) => started < written && !isDockers(parameters));
    return isOld ? [`${runtime} starts containers without the hook, which is installed, until it is restarted`] : [];
  });
}

/** Docker may run a containerd of its own, which reads none of these files. */
function isDockers(parameters: readonly string[]): boolean {
  return flagValue(parameters, '--config', '-c')?.includes('/docker/containerd/') === true;
}

/** Milliseconds since the Unix epoch. */
function modified(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
  } catch {
    // It cannot be examined from here, so it is not known whether it exists.
    return undefined;
  }
}
