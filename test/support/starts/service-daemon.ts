import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../daemon.js';

const GROUPS = '/sys/fs/cgroup';
const GROUP = join(GROUPS, 'hauberkd');
/** CPUWeight of packaging/hauberkd.service. */
const WEIGHT = 1000;

/** hauberkd with the share of the processor that its unit gives it, without which many starts at once leave it none. */
export class ServiceDaemon extends Daemon {
  protected override launcher(): string[] {
    writeFileSync(join(GROUPS, 'cgroup.subtree_control'), '+cpu');
    mkdirSync(GROUP, { recursive: true });
    writeFileSync(join(GROUP, 'cpu.weight'), `${WEIGHT}`);
    return ['/bin/sh', '-c', `echo $$ >${GROUP}/cgroup.procs && exec "$@"`, 'sh', ...super.launcher()];
  }
}
