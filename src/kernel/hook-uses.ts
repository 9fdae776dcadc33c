import type { RuleClass } from '../policy/model.js';

/** The purpose of a program in the kernel. */
export interface HookUse {
  /** A description, for people. */
  readonly what: string;
  /**
   * By class of the policy language: the operations that are decided there, or with what it finds, named as in
   * test/support/hook-table.ts.
   */
  readonly decides: Readonly<Partial<Record<RuleClass, readonly string[]>>>;
  /** Which operations on Hauberk's own objects are refused to others there, named as in test/support/hook-table.ts. */
  readonly keeps?: readonly string[];
  /** Why nothing can be enforced without it. */
  readonly essential?: string;
  /** The hook that decides instead where the kernel does not have this one. */
  readonly else?: string;
}

/**
 * The programs of the object by name. Essential are those that track which process belongs to which container: without
 * that no other program can decide anything. All others are independent of each other.
 */
export const HOOK_USES: Readonly<Record<string, HookUse>> = {
  hauberk_bprm_check: {
    what: 'running a program',
    decides: { process: ['run'], filesystems: ['run'], presets: ['filelessExec', 'exec', 'drift'] },
    essential: 'a process comes under the rules of its container there',
  },
  hauberk_bprm_committed: {
    what: 'having become a program',
    decides: { process: ['source', 'altered source'] },
    essential: 'a process stops being the container runtime there, and its program is known from then on',
  },
  hauberk_task_alloc: {
    what: 'making a process',
    decides: { process: ['fork'] },
    essential: 'a child comes under the rules of its parent there',
  },
  hauberk_mark_tasks: {
    what: 'finding the processes of a container',
    decides: {},
    essential: 'it puts the processes that run already under the rules of their container',
  },
  hauberk_mark_listeners: { what: 'finding the sockets that a container listens by', decides: { network: ['accept'] } },
  hauberk_exec_arguments: { what: 'arguments of programs', decides: { process: ['run with arguments'] } },
  hauberk_file_open: {
    what: 'opening files',
    decides: {
      file: ['read', 'write'],
      filesystems: ['open'],
      presets: ['anonymousMapExec', 'protectEnv', 'protectProc', 'hardened'],
    },
    keeps: ['open'],
  },
  hauberk_file_receive: {
    what: 'receiving descriptors of files',
    decides: { file: ['read', 'write'], filesystems: ['open'] },
  },
  hauberk_file_permission: {
    what: 'using files that were opened before a rule came',
    decides: { file: ['read', 'write'] },
  },
  hauberk_find_descriptors: { what: 'finding descriptors from before a rule', decides: { file: ['read', 'write'] } },
  hauberk_find_rings: { what: 'finding io_uring rings', decides: { file: ['read', 'write'] } },
  hauberk_find_mappings: { what: 'finding memory mapped before a rule', decides: { file: ['read', 'write'] } },
  hauberk_path_truncate: { what: 'truncating files', decides: { file: ['write'] } },
  hauberk_file_truncate: {
    what: 'truncating open files',
    decides: { file: ['write'] },
    else: 'path_truncate',
  },
  hauberk_path_mkdir: { what: 'making directories', decides: { file: ['create'] } },
  hauberk_path_mknod: { what: 'making files and nodes', decides: { file: ['create'] } },
  hauberk_path_symlink: { what: 'making symbolic links', decides: { file: ['create'] } },
  hauberk_path_unlink: { what: 'deleting files', decides: { file: ['delete'] } },
  hauberk_path_rmdir: { what: 'deleting directories', decides: { file: ['delete'] } },
  hauberk_path_rename: { what: 'renaming', decides: { file: ['rename'] } },
  hauberk_guard_rename: { what: 'renaming directories and links', decides: { file: ['rename what leads to a file'] } },
  hauberk_path_link: { what: 'hard links', decides: { file: ['link'] } },
  hauberk_path_chmod: { what: 'changes of mode', decides: { file: ['attributes'] } },
  hauberk_path_chown: { what: 'changes of owner', decides: { file: ['attributes'] } },
  hauberk_inode_setxattr: { what: 'setting extended attributes', decides: { file: ['other attributes'] } },
  hauberk_inode_removexattr: { what: 'removing extended attributes', decides: { file: ['other attributes'] } },
  hauberk_inode_set_acl: {
    what: 'setting access control lists',
    decides: { file: ['other attributes'] },
    else: 'inode_setxattr',
  },
  hauberk_inode_remove_acl: {
    what: 'removing access control lists',
    decides: { file: ['other attributes'] },
    else: 'inode_removexattr',
  },
  hauberk_inode_setattr: { what: 'changes of times', decides: { file: ['other attributes', 'write'] } },
  hauberk_file_ioctl: { what: 'changes of flags', decides: { file: ['other attributes'] } },
  hauberk_file_ioctl_compat: {
    what: 'changes of flags by 32-bit programs',
    decides: { file: ['other attributes'] },
    else: 'file_ioctl',
  },
  hauberk_inode_file_setattr: {
    what: 'changes of flags by file_setattr(2)',
    decides: { file: ['other attributes'] },
    else: 'file_ioctl',
  },
  hauberk_unix_stream_connect: { what: 'connecting to Unix sockets with a path', decides: { file: ['write'] } },
  hauberk_unix_may_send: { what: 'sending datagrams to Unix sockets with a path', decides: { file: ['write'] } },
  hauberk_program_link: { what: 'hard links of programs', decides: { process: ['use otherwise'] } },
  hauberk_program_rename: { what: 'renaming programs', decides: { process: ['use otherwise'] } },
  hauberk_mmap_file: {
    what: 'mapping memory',
    decides: {
      process: ['use otherwise', 'altered source'],
      file: ['read', 'write', 'map'],
      presets: ['anonymousMapExec', 'drift'],
    },
  },
  hauberk_file_mprotect: {
    what: 'making mapped memory executable',
    decides: { process: ['use otherwise'], file: ['map'], presets: ['anonymousMapExec', 'drift'] },
  },
  hauberk_socket_create: { what: 'making sockets', decides: { network: ['create'] } },
  hauberk_socket_bind: { what: 'binding sockets', decides: { network: ['bind'] } },
  hauberk_socket_connect: { what: 'connecting', decides: { network: ['connect'] } },
  hauberk_socket_listen: { what: 'listening', decides: { network: ['listen'] } },
  hauberk_socket_accept: { what: 'accepting connections', decides: { network: ['accept'] } },
  hauberk_sock_graft: { what: 'connections that were accepted', decides: { network: ['accept'] } },
  hauberk_socket_post_create: {
    what: 'sockets that the kernel makes for programs',
    decides: { network: ['accept'] },
  },
  hauberk_inet_conn_request: { what: 'connections that come in', decides: { network: ['accept'] } },
  hauberk_socket_sendmsg: { what: 'sending', decides: { network: ['send'] } },
  hauberk_ancillary: { what: 'routes and addresses beside a message', decides: { network: ['take another way'] } },
  hauberk_socket_setsockopt: { what: 'routes of a socket', decides: { network: ['take another way'] } },
  hauberk_sctp_bind_connect: { what: 'further addresses of SCTP', decides: { network: ['bind', 'connect'] } },
  hauberk_socket_recvmsg: { what: 'receiving', decides: { network: ['receive'] } },
  hauberk_socket_getsockopt: {
    what: 'receiving by TCP_ZEROCOPY_RECEIVE',
    decides: { network: ['receive'] },
  },
  hauberk_question: { what: 'questions for names', decides: { network: ['ask for a name'] } },
  hauberk_answer: { what: 'answers with the addresses of names', decides: { network: ['learn addresses of a name'] } },
  hauberk_capable: { what: 'using capabilities', decides: { capabilities: ['use'], presets: ['hardened'] } },
  hauberk_sb_mount: { what: 'mounting by mount(2)', decides: { mounts: ['mount'] } },
  hauberk_move_mount: { what: 'mounting by move_mount(2)', decides: { mounts: ['mount'] } },
  hauberk_sb_kern_mount: { what: 'making a new file system to mount', decides: { mounts: ['mount'] } },
  hauberk_sb_pivotroot: { what: 'changing the root by pivot_root(2)', decides: { mounts: ['mount'] } },
  hauberk_sb_umount: { what: 'unmounting', decides: { mounts: ['unmount'] } },
  hauberk_ptrace_access_check: {
    what: 'looking into processes',
    decides: { ptrace: ['read', 'attach'], presets: ['hardened'] },
  },
  hauberk_ptrace_traceme: { what: 'asking to be traced', decides: { ptrace: ['attach'] } },
  hauberk_source_trace: { what: 'looking into programs that are sources', decides: { process: ['traced source'] } },
  hauberk_source_traceme: {
    what: 'programs that are sources asking to be traced',
    decides: { process: ['traced source'] },
  },
  hauberk_userns_create: { what: 'making user namespaces', decides: { namespaces: ['user'] } },
  hauberk_claim: { what: 'saying who the daemon is', decides: {}, keeps: ['claim'] },
  hauberk_find_layer: { what: 'telling the layers of an overlay', decides: { presets: ['drift'] } },
  hauberk_self_map: { what: "reaching Hauberk's maps", decides: {}, keeps: ['use of maps'] },
  hauberk_self_program: { what: "reaching Hauberk's programs", decides: {}, keeps: ['use of programs'] },
  hauberk_self_link: { what: "reaching Hauberk's links", decides: {}, keeps: ['use of links'] },
  hauberk_self_signals: { what: 'signals to hauberkd', decides: {}, keeps: ['signal'] },
  hauberk_self_tracers: { what: 'looking into hauberkd', decides: {}, keeps: ['trace'] },
  hauberk_self_limits: { what: 'limits of hauberkd', decides: {}, keeps: ['limit'] },
  hauberk_self_unlink: { what: "deleting Hauberk's pins and files", decides: {}, keeps: ['delete'] },
  hauberk_self_rmdir: { what: "deleting Hauberk's directories", decides: {}, keeps: ['delete'] },
  hauberk_self_rename: { what: "renaming Hauberk's pins and files", decides: {}, keeps: ['rename'] },
  hauberk_self_link_to_file: { what: "hard links to Hauberk's files", decides: {}, keeps: ['link'] },
  hauberk_self_mkdir: { what: "making directories in Hauberk's", decides: {}, keeps: ['create'] },
  hauberk_self_symlink: { what: "making symbolic links in Hauberk's directories", decides: {}, keeps: ['create'] },
  hauberk_self_mknod: { what: "adding to Hauberk's pins", decides: {}, keeps: ['create'] },
  hauberk_self_mode: { what: "modes of Hauberk's pins and files", decides: {}, keeps: ['attributes'] },
  hauberk_self_file_owner: { what: "owners of Hauberk's pins and files", decides: {}, keeps: ['attributes'] },
  hauberk_self_length: { what: "truncating Hauberk's files", decides: {}, keeps: ['write'] },
  hauberk_self_mount_point: { what: "mounting over Hauberk's directories by mount(2)", decides: {}, keeps: ['mount'] },
  hauberk_self_moved: { what: "mounting over Hauberk's directories by move_mount(2)", decides: {}, keeps: ['mount'] },
  hauberk_self_mounted: { what: "unmounting what holds Hauberk's pins and files", decides: {}, keeps: ['unmount'] },
  hauberk_self_sockets: { what: "connecting to hauberkd's sockets", decides: {}, keeps: ['connect'] },
  hauberk_sys_enter: { what: 'seeing system calls', decides: { syscalls: ['call'] } },
};
