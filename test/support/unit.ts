import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** The shipped systemd unit. */
export class Unit {
  readonly path = 'packaging/hauberkd.service';
  readonly #settings = new Map<string, string>();
  /** Names of directories in /var/lib. */
  readonly stateDirectories: string[] = [];

  constructor() {
    for (const line of readFileSync(this.path, 'utf8').split('\n')) {
      const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (name !== undefined) this.#settings.set(name, value!);
      if (name === 'StateDirectory') this.stateDirectories.push(value!);
    }
  }

  /** The value of a setting. @throws Error when the unit does not have it */
  get(name: string): string {
    const value = this.#settings.get(name);
    if (value === undefined) throw new Error(`${this.path} has no ${name}`);
    return value;
  }

  /** Names such as CAP_BPF. */
  get capabilities(): string[] {
    return this.get('CapabilityBoundingSet').split(' ');
  }

  /** System calls that the filter allows, as systemd expands it. */
  get systemCalls(): Set<string> {
    return new Set(this.get('SystemCallFilter').split(' ').flatMap(expand));
  }

  /**
   * A command that starts another as systemd would, as far as can be done without systemd as process 1: in a mount
   * namespace in which only the unit's directories can be written to, with its capabilities and no new ones.
   */
  wrap(command: readonly string[], capabilities: readonly string[] = this.capabilities): string[] {
    const writable = [
      ...this.get('ReadWritePaths').split(' '),
      `/run/${this.get('RuntimeDirectory')}`,
      ...this.stateDirectories.map((name) => `/var/lib/${name}`),
    ];
    // Recursive, as ProtectSystem and ProtectKernelTunables are: a mount below another keeps its own flags.
    const script = `
      mkdir -p ${writable.join(' ')}
      mount --make-rslave /
      for directory in ${writable.join(' ')}; do mount --bind $directory $directory; done
      for place in / /sys /run; do mount -o remount,bind,ro $place; done
      for directory in ${writable.join(' ')}; do mount -o remount,bind,rw $directory; done
      exec "$@"`;
    const set = ['-all', ...capabilities.map((name) => `+${name.replace(/^CAP_/, '').toLowerCase()}`)].join(',');
    return [
      ...['unshare', '--mount', 'bash', '-euc', script, 'sandbox'],
      ...['setpriv', `--bounding-set=${set}`, '--inh-caps=-all', '--no-new-privs'],
      ...command,
    ];
  }
}

/** A name of the filter; one that begins with @ is a set of names. */
function expand(name: string): string[] {
  if (!name.startsWith('@')) return [name];
  const lines = execFileSync('systemd-analyze', ['syscall-filter', '--no-pager', name], { encoding: 'utf8' }).split(
    '\n',
  );
  return lines
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .flatMap(expand);
}
