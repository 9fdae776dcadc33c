import type { OWN_CLASS } from '../../src/kernel/missing-hooks.js';
import type { FileOperation, MountOperation, RuleClass, TraceOperation } from '../../src/policy/model.js';

export interface HookRow {
  /** `hauberk` where the hook protects Hauberk itself. */
  readonly class: RuleClass | typeof OWN_CLASS;
  /** The operation that the hook decides, by the name that rules use if they can name it. */
  readonly operation: FileOperation | MountOperation | TraceOperation | string;
  readonly hook: string;
  readonly program: string;
  /** The first kernel on which a program can be attached there. */
  readonly since: string;
}

/** The first kernel with BPF programs at hooks of security modules. */
export const LSM_PROGRAMS = '5.7';
/** Programs that are given structures by value. */
const STRUCTURES_BY_VALUE = '6.1';

function row(ruleClass: HookRow['class'], operation: string, hook: string, since = LSM_PROGRAMS, name = hook): HookRow {
  return { class: ruleClass, operation, hook, program: `hauberk_${name}`, since };
}

/** Which hook decides about which operation of which class of the language. */
export const HOOK_TABLE: readonly HookRow[] = [
  row('process', 'run', 'bprm_check_security', LSM_PROGRAMS, 'bprm_check'),
  row('process', 'run with arguments', 'bprm_check_security', LSM_PROGRAMS, 'exec_arguments'),
  row('process', 'source', 'bprm_committed_creds', LSM_PROGRAMS, 'bprm_committed'),
  row('process', 'traced source', 'ptrace_access_check', LSM_PROGRAMS, 'source_trace'),
  row('process', 'traced source', 'ptrace_traceme', LSM_PROGRAMS, 'source_traceme'),
  row('process', 'altered source', 'bprm_committed_creds', LSM_PROGRAMS, 'bprm_committed'),
  row('process', 'altered source', 'mmap_file'),
  row('process', 'fork', 'task_alloc'),
  row('process', 'use otherwise', 'path_link', LSM_PROGRAMS, 'program_link'),
  row('process', 'use otherwise', 'path_rename', LSM_PROGRAMS, 'program_rename'),
  row('process', 'use otherwise', 'mmap_file'),
  row('process', 'use otherwise', 'file_mprotect'),
  row('file', 'read', 'file_open'),
  row('file', 'read', 'file_receive'),
  row('file', 'read', 'mmap_file'),
  row('file', 'read', 'file_permission'),
  row('file', 'write', 'file_open'),
  row('file', 'write', 'file_receive'),
  row('file', 'write', 'mmap_file'),
  row('file', 'write', 'file_permission'),
  row('file', 'write', 'path_truncate'),
  row('file', 'write', 'file_truncate', '6.2'),
  row('file', 'create', 'path_mkdir'),
  row('file', 'create', 'path_mknod'),
  row('file', 'create', 'path_symlink'),
  row('file', 'delete', 'path_unlink'),
  row('file', 'delete', 'path_rmdir'),
  row('file', 'rename', 'path_rename'),
  row('file', 'rename what leads to a file', 'path_rename', LSM_PROGRAMS, 'guard_rename'),
  row('file', 'link', 'path_link'),
  row('file', 'attributes', 'path_chmod'),
  row('file', 'attributes', 'path_chown', STRUCTURES_BY_VALUE),
  row('file', 'other attributes', 'inode_setxattr'),
  row('file', 'other attributes', 'inode_removexattr'),
  row('file', 'other attributes', 'inode_set_acl', '6.2'),
  row('file', 'other attributes', 'inode_remove_acl', '6.2'),
  row('file', 'other attributes', 'inode_setattr'),
  row('file', 'write', 'inode_setattr'),
  row('file', 'other attributes', 'file_ioctl'),
  row('file', 'other attributes', 'file_ioctl_compat', '6.8'),
  row('file', 'other attributes', 'inode_file_setattr', '6.17'),
  row('file', 'write', 'unix_stream_connect'),
  row('file', 'write', 'unix_may_send'),
  row('file', 'map', 'mmap_file'),
  row('file', 'map', 'file_mprotect'),
  row('network', 'create', 'socket_create'),
  row('network', 'bind', 'socket_bind'),
  row('network', 'connect', 'socket_connect'),
  row('network', 'bind', 'sctp_bind_connect'),
  row('network', 'connect', 'sctp_bind_connect'),
  row('network', 'listen', 'socket_listen'),
  row('network', 'accept', 'socket_accept'),
  row('network', 'accept', 'sock_graft'),
  row('network', 'accept', 'socket_post_create'),
  row('network', 'accept', 'inet_conn_request'),
  row('network', 'send', 'socket_sendmsg'),
  row('network', 'receive', 'socket_recvmsg'),
  row('network', 'receive', 'socket_getsockopt'),
  row('network', 'take another way', 'socket_setsockopt'),
  row('network', 'take another way', 'socket_sendmsg', LSM_PROGRAMS, 'ancillary'),
  row('network', 'ask for a name', 'socket_sendmsg', LSM_PROGRAMS, 'question'),
  row('network', 'learn addresses of a name', 'socket_sock_rcv_skb', LSM_PROGRAMS, 'answer'),
  row('capabilities', 'use', 'capable'),
  row('filesystems', 'open', 'file_open'),
  row('filesystems', 'open', 'file_receive'),
  row('filesystems', 'run', 'bprm_check_security', LSM_PROGRAMS, 'bprm_check'),
  row('mounts', 'mount', 'sb_mount'),
  row('mounts', 'mount', 'sb_kern_mount'),
  row('mounts', 'mount', 'move_mount'),
  row('mounts', 'mount', 'sb_pivotroot'),
  row('mounts', 'unmount', 'sb_umount'),
  row('ptrace', 'read', 'ptrace_access_check'),
  row('ptrace', 'attach', 'ptrace_access_check'),
  row('ptrace', 'attach', 'ptrace_traceme'),
  row('namespaces', 'user', 'userns_create', '6.1'),
  row('presets', 'anonymousMapExec', 'mmap_file'),
  row('presets', 'anonymousMapExec', 'file_mprotect'),
  row('presets', 'anonymousMapExec', 'file_open'),
  row('presets', 'filelessExec', 'bprm_check_security', LSM_PROGRAMS, 'bprm_check'),
  row('presets', 'protectEnv', 'file_open'),
  row('presets', 'protectProc', 'file_open'),
  row('presets', 'exec', 'bprm_check_security', LSM_PROGRAMS, 'bprm_check'),
  row('presets', 'hardened', 'capable'),
  row('presets', 'hardened', 'file_open'),
  row('presets', 'hardened', 'ptrace_access_check'),
  row('presets', 'drift', 'bprm_check_security', LSM_PROGRAMS, 'bprm_check'),
  row('presets', 'drift', 'mmap_file'),
  row('presets', 'drift', 'file_mprotect'),
  row('hauberk', 'use of maps', 'bpf_map', LSM_PROGRAMS, 'self_map'),
  row('hauberk', 'use of programs', 'bpf_prog', LSM_PROGRAMS, 'self_program'),
  row('hauberk', 'use of links', 'bpf', LSM_PROGRAMS, 'self_link'),
  row('hauberk', 'signal', 'task_kill', LSM_PROGRAMS, 'self_signals'),
  row('hauberk', 'trace', 'ptrace_access_check', LSM_PROGRAMS, 'self_tracers'),
  row('hauberk', 'limit', 'task_setrlimit', LSM_PROGRAMS, 'self_limits'),
  row('hauberk', 'delete', 'inode_unlink', LSM_PROGRAMS, 'self_unlink'),
  row('hauberk', 'delete', 'inode_rmdir', LSM_PROGRAMS, 'self_rmdir'),
  row('hauberk', 'rename', 'inode_rename', LSM_PROGRAMS, 'self_rename'),
  row('hauberk', 'link', 'inode_link', LSM_PROGRAMS, 'self_link_to_file'),
  row('hauberk', 'create', 'path_mkdir', LSM_PROGRAMS, 'self_mkdir'),
  row('hauberk', 'create', 'path_symlink', LSM_PROGRAMS, 'self_symlink'),
  row('hauberk', 'create', 'path_mknod', LSM_PROGRAMS, 'self_mknod'),
  row('hauberk', 'attributes', 'path_chmod', LSM_PROGRAMS, 'self_mode'),
  row('hauberk', 'attributes', 'path_chown', STRUCTURES_BY_VALUE, 'self_file_owner'),
  row('hauberk', 'write', 'path_truncate', LSM_PROGRAMS, 'self_length'),
  row('hauberk', 'mount', 'sb_mount', LSM_PROGRAMS, 'self_mount_point'),
  row('hauberk', 'mount', 'move_mount', LSM_PROGRAMS, 'self_moved'),
  row('hauberk', 'unmount', 'sb_umount', LSM_PROGRAMS, 'self_mounted'),
  row('hauberk', 'connect', 'unix_stream_connect', LSM_PROGRAMS, 'self_sockets'),
  row('hauberk', 'open', 'file_open'),
];

/** The table of docs/kernels.md: a line for each class and operation, with the first kernel where it is not the same. */
export function hookTableText(): string {
  const hooks = new Map<string, string[]>();
  for (const { class: ruleClass, operation, hook, since } of HOOK_TABLE) {
    const key = `${ruleClass} | ${operation}`;
    const text = since === LSM_PROGRAMS ? `\`${hook}\`` : `\`${hook}\` (${since})`;
    hooks.set(key, [...(hooks.get(key) ?? []), text]);
  }
  const lines = [...hooks].map(([key, names]) => `| ${key} | ${names.join(', ')} |\n`);
  return `| class | operation | hook |\n|---|---|---|\n${lines.join('')}`;
}
