import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** A process of this machine, as /proc tells it. */
export interface RunningProcess {
  readonly pid: number;
  readonly parameters: readonly string[];
  /** When it started, in milliseconds since 1970; accurate to about a hundredth of a second. */
  readonly started: number;
}

/** Processes with this name outside of containers; a runtime inside a container does not count. */
export function processesNamed(name: string): RunningProcess[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/u.test(entry));
  return pids.map((pid) => processNamed(Number(pid), name)).filter((process) => process !== undefined);
}

/** The process with this number, if it has this name and is not in a container. */
export function processNamed(pid: number, name: string): RunningProcess | undefined {
  try {
    const directory = `/proc/${pid}`;
    if (readFileSync(`${directory}/comm`, 'utf8').trim() !== name) return undefined;
    if (readlinkSync(`${directory}/ns/pid`) !== readlinkSync('/proc/self/ns/pid')) return undefined;
    const parameters = readFileSync(`${directory}/cmdline`, 'utf8').split('\0').slice(0, -1);
    const status = readFileSync(`${directory}/stat`, 'utf8');
    const startTicks = Number(status.slice(status.lastIndexOf(')') + 2).split(' ')[19]);
    return { pid, parameters, started: startedAt(startTicks) };
  } catch {
    // It has ended meanwhile, or may not be read.
    return undefined;
  }
}

/** When a process started, as RunningProcess has it. @param startTicks in clock ticks since boot */
export function startedAt(startTicks: number): number {
  return Date.now() - (uptime() - startTicks * MILLISECONDS_PER_TICK);
}

/** The value of the first of these flags on a command line, written `--flag VALUE` or `--flag=VALUE`. */
export function flagValue(parameters: readonly string[], ...flags: readonly string[]): string | undefined {
  for (const [index, parameter] of parameters.entries()) {
    for (const flag of flags) {
      if (parameter === flag) return parameters[index + 1];
      if (parameter.startsWith(`${flag}=`)) return parameter.slice(flag.length + 1);
    }
  }
  return undefined;
}

/** USER_HZ, the same on every architecture that there are BPF programs for. */
const MILLISECONDS_PER_TICK = 10;

/** In milliseconds. The time of boot in /proc/stat would do, but that is in whole seconds. */
function uptime(): number {
  return Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
}
