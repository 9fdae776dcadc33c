import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { resolvePath } from '../containers/symbolic-links.js';
import type { Operation } from '../policy/effect.js';

/** An access without which nobody could log in to a host or administer it. */
export interface HostNeed {
  /** Path of the program that makes it. */
  readonly program: string;
  readonly operation: Operation;
  readonly path: string;
}

/** Since OpenSSH 9.8 the part that authenticates and the part that serves the session are separate programs. */
const SSH_PARTS = ['sshd-session', 'sshd-auth', 'sftp-server'].flatMap((name) =>
  ['/usr/lib/openssh', '/usr/lib/ssh', '/usr/libexec/openssh', '/usr/libexec'].map((directory) =>
    join(directory, name),
  ),
);
const LOGIN_PROGRAMS = [
  ...['/usr/sbin/sshd', '/usr/bin/sshd', '/bin/login', '/bin/su', '/usr/bin/sudo', '/sbin/unix_chkpwd', '/sbin/agetty'],
  ...SSH_PARTS,
];
/** Programs that start those that ask for logins. */
const STARTERS = ['/sbin/init', '/usr/lib/systemd/systemd-executor'];
/** What every program reads that looks up libraries, users or names. */
const LOOKED_UP = [
  ...['/etc/ld.so.cache', '/etc/ld.so.preload', '/etc/nsswitch.conf', '/etc/passwd', '/etc/group'],
  ...['/etc/hosts', '/etc/host.conf', '/etc/resolv.conf', '/etc/gai.conf', '/etc/localtime'],
];
/** What a login reads beside it; of directories, the files in them. */
const READ_BY_LOGINS = [
  ...['/etc/shadow', '/etc/gshadow', '/etc/shells', '/etc/login.defs', '/etc/environment', '/etc/sudoers'],
  ...[
    '/etc/pam.conf',
    '/etc/pam.d',
    '/etc/security',
    '/etc/ssh',
    '/etc/sudoers.d',
    '/etc/default/locale',
    '/run/motd.dynamic',
  ],
];
/** Devices that are opened to read and to write. */
const DEVICES_OF_EVERYBODY = ['/dev/null'];
const DEVICES_OF_TERMINALS = ['/dev/tty', '/dev/ptmx'];
/** Of the programs that ask for logins at the machine itself. */
const DEVICES_OF_CONSOLES = ['/dev/console', '/dev/tty1'];
const RANDOM_NUMBERS = ['/dev/urandom'];
/** Terminals of sessions, each numbered when it is made. */
const SESSIONS = '/dev/pts';
const READ_BY_SHELLS = ['/etc/profile', '/etc/bash.bashrc', '/etc/profile.d'];
/** Entries of a process that whoever starts processes and containers uses of others too. */
const READ_OF_PROCESSES = ['/proc/1/cgroup', '/proc/1/mountinfo'];
const WRITTEN_OF_PROCESSES = ['/proc/1/oom_score_adj'];
const CONTROL_GROUPS = '/sys/fs/cgroup';
/** The programs of process 1. */
const SERVICE_MANAGER = /^(?:systemd|init)$/u;
/** Where container runtimes keep what runs, by the names of their programs. */
const RUNTIME_STATE: Readonly<Record<string, readonly string[]>> = {
  dockerd: ['/run/docker', '/var/lib/docker'],
  containerd: ['/run/containerd', '/var/lib/containerd'],
  'containerd-shim-runc-v2': ['/run/containerd'],
  runc: ['/run/runc', '/run/docker', '/run/containerd'],
  crun: ['/run/crun', '/run/crio'],
  conmon: ['/run/crio', '/run/containers', '/var/lib/containers'],
  crio: ['/run/crio', '/run/containers', '/var/lib/containers'],
  podman: ['/run/containers', '/run/libpod', '/var/lib/containers'],
  kubelet: ['/var/lib/kubelet'],
};
/** Programs that run for a moment each, started by those that keep running. */
const RUNTIMES = ['runc', 'crun', 'conmon', 'containerd-shim-runc-v2'].flatMap((name) =>
  ['/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'].map((directory) => join(directory, name)),
);
const CONFIGURATION: Readonly<Record<string, readonly string[]>> = {
  dockerd: ['/etc/docker'],
  containerd: ['/etc/containerd', '/etc/cni/net.d'],
  crio: ['/etc/crio', '/etc/containers', '/etc/cni/net.d'],
  podman: ['/etc/containers'],
  kubelet: ['/etc/kubernetes', '/var/lib/kubelet/config.yaml'],
};
/** How many directories below each other are looked into. */
const DEPTH = 2;
const STATE_OPERATIONS: readonly Operation[] = ['read', 'write', 'create', 'delete'];

/**
 * What logins and the programs that a host needs access, as far as this host has it.
 *
 * @param programs paths of the programs that run and must not be stopped
 * @param root where the host's files are seen: empty, or `/proc/1/root` from inside a container
 */
export function* hostNeeds(programs: readonly string[], root: string): Generator<HostNeed> {
  const resolved = (paths: readonly string[]) => [...new Set(paths.flatMap((path) => filesAt(root, path)))];
  const logins = resolved(LOGIN_PROGRAMS);
  const shells = resolved(loginShells(root));
  const runtimes = programs.some((program) => nameOf(program) in RUNTIME_STATE) ? resolved(RUNTIMES) : [];
  const running = [...new Set([...programs, ...runtimes])];
  const everybody = new Set([...logins, ...shells, ...running]);
  for (const path of resolved(LOOKED_UP)) for (const program of everybody) yield { program, operation: 'read', path };
  for (const path of resolved([...READ_BY_LOGINS, ...authorizedKeys(root)]))
    for (const program of logins) yield { program, operation: 'read', path };
  const sessions = existsSync(join(root, SESSIONS)) ? [join(SESSIONS, '0')] : [];
  for (const [path, program] of devicesNeeded(resolved, { logins, shells, everybody, sessions })) {
    yield { program, operation: 'read', path };
    yield { program, operation: 'write', path };
  }
  for (const path of resolved(RANDOM_NUMBERS)) for (const program of logins) yield { program, operation: 'read', path };
  for (const path of logins) for (const program of resolved(STARTERS)) yield { program, operation: 'execute', path };
  for (const program of logins.filter((login) => /\/sshd(?:-session)?$/u.test(login)))
    for (const path of resolved([program, ...SSH_PARTS])) yield { program, operation: 'execute', path };
  for (const shell of shells) {
    for (const program of logins) yield { program, operation: 'execute', path: shell };
    for (const path of resolved(READ_BY_SHELLS)) yield { program: shell, operation: 'read', path };
  }
  for (const program of running) {
    for (const path of resolved(CONFIGURATION[nameOf(program)] ?? [])) yield { program, operation: 'read', path };
    for (const path of resolved(READ_OF_PROCESSES)) yield { program, operation: 'read', path };
    const startsOthers = nameOf(program) in RUNTIME_STATE || SERVICE_MANAGER.test(nameOf(program));
    if (!startsOthers) continue;
    for (const path of resolved(WRITTEN_OF_PROCESSES)) yield { program, operation: 'write', path };
    const directories = [...(RUNTIME_STATE[nameOf(program)] ?? []), CONTROL_GROUPS];
    for (const directory of directories.filter((path) => existsSync(join(root, path))))
      for (const operation of STATE_OPERATIONS)
        yield { program, operation, path: `${resolvePath(root, directory)?.path ?? directory}/state` };
  }
}

/** Devices, each with a program that opens it to read and to write. */
function* devicesNeeded(
  resolved: (paths: readonly string[]) => string[],
  by: Readonly<Record<'logins' | 'shells' | 'everybody' | 'sessions', Iterable<string>>>,
): Generator<readonly [path: string, program: string]> {
  const { logins, shells, everybody, sessions } = by;
  for (const path of resolved(DEVICES_OF_EVERYBODY)) for (const program of everybody) yield [path, program];
  for (const path of [...resolved(DEVICES_OF_TERMINALS), ...sessions])
    for (const program of [...logins, ...shells]) yield [path, program];
  for (const path of resolved(DEVICES_OF_CONSOLES))
    for (const program of logins) if (/\/(?:agetty|login)$/u.test(program)) yield [path, program];
}

function nameOf(program: string): string {
  return program.slice(program.lastIndexOf('/') + 1);
}

/** A file under the name that the kernel has for it, or the files of a directory and of those in it; nothing where there is none. */
function filesAt(root: string, path: string, depth = DEPTH): string[] {
  const name = resolvePath(root, path)?.path;
  if (name === undefined) return [];
  try {
    if (!statSync(join(root, name)).isDirectory()) return [name];
    if (depth === 0) return [];
    return readdirSync(join(root, name)).flatMap((entry) => filesAt(root, join(name, entry), depth - 1));
  } catch {
    return [];
  }
}

/** Fields of each line of the host's list of users. */
function users(root: string): string[][] {
  try {
    const lines = readFileSync(join(root, resolvePath(root, '/etc/passwd')?.path ?? ''), 'utf8').split('\n');
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
  return users(root).flatMap((fields) =>
    ['authorized_keys', 'authorized_keys2'].map((name) => join(fields[5]!, '.ssh', name)),
  );
}
