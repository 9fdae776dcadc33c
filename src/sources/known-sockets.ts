import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerOrigin } from '../containers/container.js';

/** Where a container runtime may be found. */
export interface RuntimeSocket {
  /** What the runtime is called in status, metrics and log. */
  readonly name: string;
  readonly origin: ContainerOrigin;
  readonly path: string;
}

export const KNOWN_SOCKETS: readonly RuntimeSocket[] = [
  { name: 'docker', origin: 'docker', path: '/run/docker.sock' },
  { name: 'docker', origin: 'docker', path: '/var/run/docker.sock' },
  { name: 'containerd', origin: 'cri', path: '/run/containerd/containerd.sock' },
  { name: 'k3s', origin: 'cri', path: '/run/k3s/containerd/containerd.sock' },
  { name: 'microk8s', origin: 'cri', path: '/var/snap/microk8s/common/run/containerd.sock' },
  { name: 'k0s', origin: 'cri', path: '/run/k0s/containerd.sock' },
  { name: 'cri-o', origin: 'cri', path: '/run/crio/crio.sock' },
  { name: 'cri-o', origin: 'cri', path: '/var/run/crio/crio.sock' },
  { name: 'podman', origin: 'podman', path: '/run/podman/podman.sock' },
];

/**
 * Sockets that exist themselves: a link leads to another socket, as /var/run does, or /run/docker.sock as podman's
 * packages make it.
 *
 * @param root where the host's files are seen: `/proc/1/root` from inside a container, where links would lead astray
 */
export function presentSockets(root = '/'): RuntimeSocket[] {
  return KNOWN_SOCKETS.filter(({ path }) => isSocket(root, path)).map((socket) => ({
    ...socket,
    path: join(root, socket.path),
  }));
}

function isSocket(root: string, path: string): boolean {
  const parts = path.split('/').slice(1);
  try {
    const stats = parts.map((_, index) => lstatSync(join(root, ...parts.slice(0, index + 1))));
    return stats.pop()!.isSocket() && stats.every((parent) => parent.isDirectory());
  } catch {
    // It does not exist, or cannot be examined.
    return false;
  }
}
