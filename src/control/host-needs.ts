import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Operation } from '../policy/effect.js';

/** An access without which nobody could log in to a host or look after it. */
export interface HostNeed {
  /** Path of the program that makes it. */
  readonly program: string;
  readonly operation: Operation;
  readonly path: string;
}

const LOGIN_PROGRAMS = ['/usr/sbin/sshd', '/usr/bin/login', '/usr/bin/su', '/usr/bin/sudo', '/usr/sbin/unix_chkpwd'];
/** What every program reads that looks up libraries, users or names. */
const LOOKED_UP = [
  ...['/etc/ld.so.cache', '/etc/ld.so.preload', '/etc/nsswitch.conf', '/etc/passwd', '/etc/group'],
  ...['/etc/hosts', '/etc/host.conf', '/etc/resolv.conf', '/etc/gai.conf', '/etc/localtime'],
];
/** What a login reads beside it; of directories, all files in them. */
const READ_BY_LOGINS = [
  ...['/etc/shadow', '/etc/gshadow', '/etc/shells', '/etc/login.defs', '/etc/environment', '/etc/sudoers'],
  ...['/etc/pam.d', '/etc/security', '/etc/ssh', '/etc/sudoers.d'],
];
const READ_BY_SHELLS = ['/etc/profile', '/etc/bash.bashrc', '/etc/profile.d'];
/** Where container runtimes keep what runs, by the names of their programs. */
const RUNTIME_STATE: Readonly<Record<string, readonly string[]>> = {
  dockerd: ['/run/docker', '/var/lib/docker'],
  containerd: ['/run/containerd', '/var/lib/containerd'],
  crio: ['/run/crio', '/var/lib/containers'],
  podman: ['/run/containers', '/var/lib/containers'],
  kubelet: ['/var/lib/kubelet'],
};
const STATE_OPERATIONS: readonly Operation[] = ['read', 'write', 'create', 'delete'];

/**
 * What logins and the programs that a host needs ask for, of what this host has.
 *
 * @param programs paths of the programs that run and must not be stopped
 * @param root where the host's files are seen: empty, or `/proc/1/root` from inside a container
 */
export function* hostNeeds(programs: readonly string[], root: string): Generator<HostNeed> {
  const resolved = (paths: readonly string[]) => [...new Set(paths.flatMap((path) => filesAt(root, path)))];
  const logins = resolved(LOGIN_PROGRAMS);
  const shells = resolved(loginShells(root));
  const everybody = new Set([...logins, ...shells, ...programs]);
  for (const path of resolved(LOOKED_UP)) for (const program of everybody) yield { program, operation: 'read', path };
  for (const path of resolved([...READ_BY_LOGINS, ...authorizedKeys(root)]))
    for (const program of logins) yield { program, operation: 'read', path };
  for (const shell of shells) {
    for (const program of logins) yield { program, operation: 'execute', path: shell };
    for (const path of resolved(READ_BY_SHELLS)) yield { program: shell, operation: 'read', path };
  }
  for (const program of programs) {
    const directories = RUNTIME_STATE[program.slice(program.lastIndexOf('/') + 1)] ?? [];
    for (const directory of directories.filter((path) => existsSync(join(root, path))))
      for (const operation of STATE_OPERATIONS) yield { program, operation, path: `${directory}/state` };
  }
}

/** A file under the name that the kernel has for it, or all files of a directory; nothing where there is none. */
function filesAt(root: string, path: string): string[] {
  try {
    // Links of another root would be followed from this one.
    const name = root === '' ? realpathSync(path) : path;
    const place = join(root, name);
    if (!statSync(place).isDirectory()) return [name];
    return readdirSync(place, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(name, entry.name));
  } catch {
    return [];
  }
}

/** Fields of each line of the host's list of users. */
function users(root: string): string[][] {
  try {
    const lines = readFileSync(join(root, '/etc/passwd'), 'utf8').split('\n');
    return lines.map((line) => line.split(':')).filter(({ length }) => length === 7);
  } catch {
    return [];
  }
}

/** Those with which somebody can log in. */
function loginShells(root: string): string[] {
  const shells = users(root).map((fields) => fields[6]!);
  return [...new Set(shells)].filter((shell) => shell.startsWith('/') && !/\/(?:nologin|false|sync)$/u.test(shell));
}

function authorizedKeys(root: string): string[] {
  return users(root).map((fields) => join(fields[5]!, '.ssh/authorized_keys'));
}
