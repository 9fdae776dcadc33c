import type { SecurityEvent } from '../../events/event.js';
import { callName } from '../../policy/system-calls.js';
import { socketFields } from './socket-fields.js';

/** What was done, by the names that KubeArmor's alerts have. */
export interface AccessFields {
  readonly Operation: string;
  readonly Resource: string;
  /** `key=value`, with spaces between them. */
  readonly Data: string;
  /** Who did it. A command line is not known, so programs stand alone. */
  readonly Source: string;
  readonly ProcessName: string;
  readonly ParentProcessName: string;
}

/** Where in the kernel an operation is decided, as KubeArmor calls the place. */
const HOOKS: Readonly<Record<string, string>> = {
  exec: 'SECURITY_BPRM_CHECK',
  open: 'FILE_OPEN',
  truncate: 'FILE_TRUNCATE',
  unlink: 'FILE_UNLINK',
  rmdir: 'FILE_RMDIR',
  mkdir: 'FILE_MKDIR',
  mknod: 'FILE_MKNOD',
  symlink: 'FILE_SYMLINK',
  link: 'FILE_LINK',
  rename: 'FILE_RENAME',
  chmod: 'FILE_CHMOD',
  chown: 'FILE_CHOWN',
  map: 'MMAP_FILE',
  protect: 'FILE_MPROTECT',
  create: 'SOCKET_CREATE',
  bind: 'SOCKET_BIND',
  connect: 'SOCKET_CONNECT',
  listen: 'SOCKET_LISTEN',
  accept: 'SOCKET_ACCEPT',
  send: 'SOCKET_SENDMSG',
  receive: 'SOCKET_RECVMSG',
  resolve: 'SOCKET_SENDMSG',
  use: 'CAPABLE',
  mount: 'SB_MOUNT',
  unmount: 'SB_UMOUNT',
  trace: 'PTRACE_ACCESS_CHECK',
  unshare: 'USERNS_CREATE',
};

/** The same of files, where other classes have operations of these names too. */
const FILE_HOOKS: Readonly<Record<string, string>> = {
  use: 'FILE_PERMISSION',
  receive: 'FILE_RECEIVE',
  connect: 'UNIX_STREAM_CONNECT',
  send: 'UNIX_MAY_SEND',
};

const NETWORK = new Set(['create', 'bind', 'connect', 'listen', 'accept', 'send', 'receive', 'resolve']);
/** KubeArmor knows these by their system calls only. */
const BY_CALL = new Set(['call', 'mount', 'unmount', 'trace', 'unshare']);

/** KubeArmor's description of the access that an event reports. */
export function accessFields(event: SecurityEvent): AccessFields {
  const { operation, object, decoded, program, parentProgram } = event;
  const actor = { Source: program, ProcessName: program, ParentProcessName: parentProgram };
  const hook = `lsm=${HOOKS[operation] ?? operation.toUpperCase()}`;
  if (operation === 'exec') {
    return {
      Operation: 'Process',
      Resource: object,
      Data: hook,
      Source: program,
      ProcessName: object,
      ParentProcessName: program,
    };
  }
  const fileHook = object.startsWith('/') ? FILE_HOOKS[operation] : undefined;
  if (fileHook !== undefined) return { ...actor, Operation: 'File', Resource: object, Data: `lsm=${fileHook}` };
  if (NETWORK.has(operation)) return { ...actor, Operation: 'Network', ...networkFields(event, hook) };
  if (operation === 'use') {
    const capability = `CAP_${object.toUpperCase()}`;
    return { ...actor, Operation: 'Capabilities', Resource: capability, Data: `${hook} ${capability}` };
  }
  if (decoded?.kind === 'call') {
    const name = callName(decoded.number) ?? String(decoded.number);
    return { ...actor, Operation: 'Syscall', Resource: decoded.path, Data: `syscall=SYS_${name.toUpperCase()}` };
  }
  const Operation = BY_CALL.has(operation) ? 'Syscall' : 'File';
  return { ...actor, Operation, Resource: object, Data: hook };
}

function networkFields(
  { operation, object, decoded }: SecurityEvent,
  hook: string,
): Pick<AccessFields, 'Resource' | 'Data'> {
  if (operation === 'resolve') return { Resource: `domain=${object}`, Data: `${hook} domain=${object}` };
  // An access that was refused before the kernel could tell what it was to.
  if (decoded?.kind !== 'socket') return { Resource: object, Data: hook };
  const { protocol, type, family, ...other } = socketFields(decoded);
  const kind = { protocol, ...(type !== '' && { type }) };
  return {
    Resource: pairs({ ...kind, ...(family && { family }), ...other }),
    Data: `${hook} ${pairs({ ...(type !== '' && { type }), ...other })}`.trimEnd(),
  };
}

function pairs(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}
