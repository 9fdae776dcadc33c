import { HooksDirectorySetup, type HooksRuntime } from './hooks-directory.js';
import type { Host } from './host.js';
import type { SetupOptions } from './setup.js';

/**
 * podman reads /usr/share/containers/oci/hooks.d by itself, and not the directory in /etc that its manual names beside it (seen with 4.3.1).
 * The first is read by CRI-O as well, so the hook is in the second, and a drop-in has podman read both.
 */
const PODMAN: HooksRuntime = {
  name: 'podman',
  configurations: ['/usr/share/containers/containers.conf', '/etc/containers/containers.conf'],
  dropIns: { directory: '/etc/containers/containers.conf.d', pattern: '*.conf' },
  table: ['engine'],
  defaultDirectories: ['/usr/share/containers/oci/hooks.d'],
  directory: '/etc/containers/oci/hooks.d',
  inForce: 'podman reads this at every start of a container: it is in force at once',
  readsAlways: true,
  notes: ['rootless podman calls the hook too, which lets its containers start without protection'],
};

export class PodmanSetup extends HooksDirectorySetup {
  constructor(host: Host, options: SetupOptions) {
    super(PODMAN, host, options, () => undefined);
  }
}
