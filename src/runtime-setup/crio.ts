import { HooksDirectorySetup, type HooksRuntime } from './hooks-directory.js';
import type { Host } from './host.js';
import { processesNamed } from './machine.js';
import type { SetupOptions } from './setup.js';

const CRIO: HooksRuntime = {
  name: 'crio',
  configurations: ['/etc/crio/crio.conf'],
  dropIns: { directory: '/etc/crio/crio.conf.d', pattern: '*' },
  table: ['crio', 'runtime'],
  defaultDirectories: ['/usr/share/containers/oci/hooks.d'],
  directory: '/etc/crio/hauberk-hooks.d',
  inForce: 'CRI-O reads this when it starts: it is in force after a restart of CRI-O (running containers continue)',
  readsAlways: false,
  notes: [],
};

export class CrioSetup extends HooksDirectorySetup {
  constructor(host: Host, options: SetupOptions) {
    super(CRIO, host, options, () => processesNamed('crio')[0]?.started);
  }
}
