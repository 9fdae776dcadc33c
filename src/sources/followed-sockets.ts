import { statSync } from 'node:fs';
import { KNOWN_SOCKETS, presentSockets, type RuntimeSocket } from './known-sockets.js';

/** Which sockets are followed, from the flags of these names. */
export interface SocketSettings {
  /** A path, or `off`. */
  readonly dockerSocket: string;
  /** Paths separated by commas, `auto` or `off`; the next two likewise with one path. */
  readonly criSocket: string;
  readonly podmanSocket: string;
  readonly nriSocket: string;
}

export const DOCKER_SOCKET = '/var/run/docker.sock';
const NRI_SOCKETS = ['/run/nri/nri.sock', '/var/run/nri/nri.sock'];

/** A socket that is to be followed. */
export interface FollowedSocket {
  readonly kind: 'docker' | 'podman' | 'cri' | 'nri';
  readonly name: string;
  readonly path: string;
  /** Not requested by a flag: if there is no runtime, nothing is reported. */
  readonly isDetected: boolean;
}

/**
 * The runtimes' sockets on this host, each once.
 *
 * @param roots where files are looked for: empty for the daemon's own root, then where the host's is, if that is another
 */
export function socketsOfHost(roots: readonly string[]): RuntimeSocket[] {
  const seen = new Set<string>();
  return roots
    .flatMap((root) => presentSockets(root === '' ? '/' : root))
    .filter(({ path }) => {
      const file = fileAt(path);
      if (file === undefined || seen.has(file)) return false;
      seen.add(file);
      return true;
    });
}

/** The sockets to follow now, by the settings and by which sockets exist. */
export function socketsToFollow(
  settings: SocketSettings,
  present: readonly RuntimeSocket[],
  roots: readonly string[],
): FollowedSocket[] {
  const found = (origin: RuntimeSocket['origin']) => present.filter((socket) => socket.origin === origin);
  const sockets = [
    ...socketsOf('podman', settings.podmanSocket, found('podman')),
    ...dockerSockets(settings.dockerSocket, found('docker'), roots),
    ...socketsOf('cri', settings.criSocket, found('cri')),
    ...socketsOf('nri', settings.nriSocket, nriSockets(roots)),
  ];
  const seen = new Set<string>();
  return sockets.filter(({ path }) => {
    // podman's packages may put its socket where Docker's is looked for.
    const file = fileAt(path) ?? path;
    if (seen.has(file)) return false;
    seen.add(file);
    return true;
  });
}

/** Sockets on this host that are not followed. */
export function unfollowed(
  present: readonly RuntimeSocket[],
  followedSockets: readonly Pick<FollowedSocket, 'path'>[],
): RuntimeSocket[] {
  const followed = new Set(followedSockets.map(({ path }) => fileAt(path)));
  return present.filter(({ path }) => !followed.has(fileAt(path)));
}

function socketsOf(
  kind: FollowedSocket['kind'],
  setting: string,
  found: readonly Pick<RuntimeSocket, 'name' | 'path'>[],
): FollowedSocket[] {
  if (setting === 'off') return [];
  if (setting === 'auto') return found.map(({ name, path }) => ({ kind, name, path, isDetected: true }));
  return setting.split(',').map((path) => ({ kind, name: nameOf(kind, path), path, isDetected: false }));
}

/** At its default path Docker is followed if it exists, or appears later. */
function dockerSockets(
  setting: string,
  found: readonly RuntimeSocket[],
  [root = '']: readonly string[],
): FollowedSocket[] {
  if (setting !== DOCKER_SOCKET) return socketsOf('docker', setting, []);
  const own = `${root}${setting}`;
  const path = fileAt(own) === undefined ? (found[0]?.path ?? setting) : own;
  return [{ kind: 'docker', name: 'docker', path, isDetected: true }];
}

function nameOf(kind: FollowedSocket['kind'], path: string): string {
  if (kind !== 'cri') return kind;
  return (
    KNOWN_SOCKETS.find((socket) => socket.path === path)?.name ??
    (/\/cri-?o(?:\/|\.sock$)/u.test(path) ? 'cri-o' : 'containerd')
  );
}

function nriSockets(roots: readonly string[]): { name: string; path: string }[] {
  return roots
    .flatMap((root) => NRI_SOCKETS.map((path) => ({ name: 'nri', path: `${root}${path}` })))
    .filter(({ path }) => fileAt(path) !== undefined);
}

/** Identifies a socket; undefined if there is none. */
function fileAt(path: string): string | undefined {
  try {
    const stats = statSync(path);
    return stats.isSocket() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch {
    return undefined;
  }
}
