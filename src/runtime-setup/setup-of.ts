import { ContainerdSetup } from './containerd.js';
import { CrioSetup } from './crio.js';
import { DockerSetup } from './docker.js';
import type { Host } from './host.js';
import { PodmanSetup } from './podman.js';
import type { RuntimeName, RuntimeSetup, SetupOptions } from './setup.js';

export function setupOf(name: RuntimeName, host: Host, options: SetupOptions): RuntimeSetup {
  switch (name) {
    case 'docker':
      return new DockerSetup(host, options);
    case 'containerd':
      return new ContainerdSetup(host, options);
    case 'crio':
      return new CrioSetup(host, options);
    case 'podman':
      return new PodmanSetup(host, options);
  }
}

/** The runtime of a Kubernetes node, by its configuration; undefined where that is in no usual place. */
export function runtimeOfNode(host: Host): RuntimeName | undefined {
  if (host.exists('/etc/crio')) return 'crio';
  return host.exists('/etc/containerd/config.toml') ? 'containerd' : undefined;
}
