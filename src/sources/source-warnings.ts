import type { FollowedSource } from './followed-source.js';
import type { RuntimeSocket } from './known-sockets.js';
import { type Place, unfollowed } from './places.js';

/** A place with the source that follows what is there. */
export interface FollowedPlace {
  readonly place: Place;
  readonly source: FollowedSource;
}

/**
 * What an operator should know and mend of the sources of containers.
 *
 * @param present the runtimes' sockets on this host
 * @param hasPodman whether a container of podman is known
 */
export function sourceWarnings(
  followed: readonly { readonly place: Place; readonly source: Pick<FollowedSource, 'isAbsent' | 'isNotServed'> }[],
  present: readonly RuntimeSocket[],
  hasPodman: boolean,
): string[] {
  const isThere = (kind: Place['kind']) =>
    followed.some(({ place, source }) => place.kind === kind && !source.isAbsent);
  const places = followed.map(({ place }) => place);
  const warnings = unfollowed(present, places).map(
    ({ name, path, origin }) =>
      `${name} at ${path} is not followed: its containers are not protected (see --${origin}-socket)`,
  );
  for (const { place, source } of followed) {
    // Docker's own containerd is often set up so, and what Docker makes with it is known from Docker.
    if (!source.isNotServed || isThere('docker')) continue;
    warnings.push(`${place.name} at ${place.path} serves no CRI: what is made with it otherwise is not protected`);
  }
  if (hasPodman && !isThere('podman')) {
    warnings.push('podman is not followed: the labels of its containers are not known (enable podman.socket)');
  }
  return warnings;
}
