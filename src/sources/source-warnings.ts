import { type FollowedSocket, unfollowed } from './followed-sockets.js';
import type { FollowedSource } from './followed-source.js';
import type { RuntimeSocket } from './known-sockets.js';

/** A socket with the source that follows the runtime on it. */
export interface FollowedRuntime {
  readonly socket: FollowedSocket;
  readonly source: FollowedSource;
}

/**
 * What an operator should know and fix about the sources of containers.
 *
 * @param present the runtimes' sockets on this host
 * @param hasPodman whether a container of podman is known
 */
export function sourceWarnings(
  followed: readonly {
    readonly socket: FollowedSocket;
    readonly source: Pick<FollowedSource, 'isAbsent' | 'isNotServed'>;
  }[],
  present: readonly RuntimeSocket[],
  hasPodman: boolean,
): string[] {
  const isThere = (kind: FollowedSocket['kind']) =>
    followed.some(({ socket, source }) => socket.kind === kind && !source.isAbsent);
  const sockets = followed.map(({ socket }) => socket);
  const warnings = unfollowed(present, sockets).map(
    ({ name, path, origin }) =>
      `${name} at ${path} is not followed: its containers are not protected (see --${origin}-socket)`,
  );
  for (const { socket, source } of followed) {
    // Docker's own containerd is often set up like this, and the containers that Docker makes with it are known from
    // Docker.
    if (!source.isNotServed || isThere('docker')) continue;
    warnings.push(`${socket.name} at ${socket.path} serves no CRI: what is made with it otherwise is not protected`);
  }
  if (hasPodman && !isThere('podman')) {
    warnings.push('podman is not followed: the labels of its containers are not known (enable podman.socket)');
  }
  return warnings;
}
