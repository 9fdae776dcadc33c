import { ALL_BUT_BLOCKED, BLOCK, type Group, type Use } from './use.js';

export const SOCKETS: Group = {
  name: 'Unix sockets',
  rules: BLOCK,
  allowList: ALL_BUT_BLOCKED,
  refused: ['stream', 'dgram', 'seqpacket']
    .flatMap((type): Use[] => [
      ...['/v/guard', '/guard'].map((directory) => ({
        technique: `connect to a ${type} socket below ${directory}`,
        command: ['connect', type, `${directory}/${type}`],
        preparation: `/bin/uses serve ${type} ${directory}/${type}`,
        reported: {
          operation: type === 'dgram' ? 'send' : 'connect',
          object: `${directory}/${type}`,
          class: 'ACCESS_CLASS_FILE',
        },
      })),
      {
        technique: `connect to a ${type} socket of the host in a volume, by a relative name`,
        command: ['sh', `cd /v/guard && exec /bin/uses connect ${type} ./host-${type}`],
        reported: { operation: type === 'dgram' ? 'send' : 'connect', object: `/v/guard/host-${type}` },
      },
    ])
    .concat([
      {
        technique: 'send a datagram to a socket without connecting to it',
        command: ['sendto', '/v/guard/host-dgram'],
        reported: { operation: 'send', object: '/v/guard/host-dgram' },
      },
      {
        technique: 'connect by a symbolic link from elsewhere',
        command: ['connect', 'stream', '/v/link/host-stream'],
        preparation: 'ln -sfn guard /v/link',
        reported: { operation: 'connect', object: '/v/guard/host-stream' },
      },
      {
        technique: 'connect from a new mount namespace',
        container: 'privileged',
        command: ['sh', 'exec /bin/unshare -m /bin/uses connect stream /v/guard/host-stream'],
        reported: { operation: 'connect', object: '/v/guard/host-stream' },
      },
    ]),
  free: [
    ['connect', 'stream', '/v/free/host-stream'],
    ['sendto', '/v/free/host-dgram'],
    ['connect', 'stream', '@abstract'],
  ],
};

const attributes = (directory: string): Use[] =>
  (
    [
      ['set an extended attribute', 'setxattr', ['trusted', 'FILE']],
      ['set one by a descriptor', 'setxattr', ['fsetxattr', 'FILE', 'trusted.other']],
      ['remove one', 'setxattr', ['removexattr', 'FILE', 'trusted.there']],
      ['set an access control list', 'setxattr', ['acl', 'FILE']],
      ['remove an access control list', 'setxattr', ['remove-list', 'FILE']],
      ['set one by io_uring', 'setxattr', ['ring', 'setxattr', 'FILE']],
      ['set its mode by a read-only descriptor', 'chmod', ['fchmod', 'FILE']],
      ['set its mode by a descriptor of its name', 'chmod', ['by-path-descriptor', 'mode', 'FILE']],
      ['set its owner by a descriptor of its name', 'chown', ['by-path-descriptor', 'owner', 'FILE']],
      ['set its times by a descriptor of its name', 'utime', ['by-path-descriptor', 'times', 'FILE']],
      ['set its times', 'utime', ['times', 'FILE']],
      ['set its times to now', 'utime', ['times-now', 'FILE']],
      ['set the times of a symbolic link', 'utime', ['times-of-link', 'LINK']],
    ] as const
  ).map(([technique, operation, command]) => ({
    technique: `${technique}, below ${directory}`,
    // An attribute that every filesystem has takes CAP_SYS_ADMIN.
    ...(operation === 'setxattr' && !technique.includes('list') && { container: 'privileged' as const }),
    command: command.map((each) => each.replace('FILE', `${directory}/file`).replace('LINK', `${directory}/soft`)),
    preparation: `echo x >${directory}/file; ln -sfn file ${directory}/soft${
      command[0] === 'removexattr' ? `; /bin/uses fsetxattr ${directory}/file trusted.there` : ''
    }`,
    reported: { operation, object: command[1] === 'LINK' ? `${directory}/soft` : `${directory}/file` },
  }));

export const ATTRIBUTES: Group = {
  name: 'attributes',
  rules: BLOCK.replaceAll('recursive: true', 'recursive: true, operations: [attributes]'),
  allowList: ALL_BUT_BLOCKED,
  refused: [
    ...attributes('/v/guard'),
    ...attributes('/guard'),
    {
      technique: 'set its times by a read-only descriptor',
      command: ['ftimes', '/v/guard/file'],
      reported: { operation: 'utime', object: '/v/guard/file' },
    },
    {
      technique: 'set its flags by a read-only descriptor',
      command: ['chattr', '/v/guard/file'],
      reported: { operation: 'chattr', object: '/v/guard/file' },
    },
    {
      technique: 'set its extended flags by a read-only descriptor',
      command: ['chattr-more', '/v/guard/file'],
      reported: { operation: 'chattr', object: '/v/guard/file' },
    },
    {
      technique: 'set its extended flags by its name, where the kernel has a call for it',
      command: ['chattr-by-name', '/v/guard/file'],
      reported: { operation: 'chattr', object: '/v/guard/file' },
    },
  ],
  free: [
    ['times', '/v/free/file'],
    ['trusted', '/free/file'],
    ['sh', 'exec /bin/cat /v/guard/file'],
    ['sh', 'echo x >>/v/guard/file'],
  ],
};

export const TOUCH: Group = {
  name: 'times of a file that must not be written to',
  rules: BLOCK.replaceAll('recursive: true', 'recursive: true, operations: [write]'),
  refused: [
    {
      technique: 'touch(1)',
      command: ['sh', 'exec /bin/touch /v/guard/file'],
      reported: { operation: 'utime', object: '/v/guard/file' },
    },
  ],
  free: [['times', '/v/guard/file']],
};

/** Performed by a kernel thread. */
export const RING: Group = {
  name: 'files and sockets, by io_uring',
  rules: BLOCK,
  allowList: ALL_BUT_BLOCKED,
  refused: (
    [
      ['open it', 'open', 'open', '/v/guard/file'],
      ['connect to a socket', 'connect', 'connect', '/v/guard/host-stream'],
    ] as const
  ).map(([technique, operation, how, path]) => ({
    technique,
    command: ['ring', how, path],
    reported: { operation, object: path },
  })),
  free: [
    ['ring', 'open', '/v/free/file'],
    ['ring', 'connect', '/v/free/host-stream'],
  ],
};

export const DESCRIPTORS: Group = {
  name: 'descriptors from before the policy',
  rules: BLOCK,
  refused: (
    [
      ['read from it', 'r', 'use'],
      ['write to it', 'p', 'use'],
      ['map it', 'm', 'map'],
      ['map it to write to it', 'w', 'map'],
      ['receive it from another process', 'g', 'receive'],
      ['take it from another process', 't', 'receive', 'unconfined'],
    ] as const
  ).map(([technique, wish, operation, container]) => ({
    technique,
    ...(container !== undefined && { container }),
    command: ['holder', wish, '/free/holder'],
    preparation: 'echo x >/guard/file; /bin/uses hold /guard/file /free/holder',
    reported: { operation, object: '/guard/file' },
  })),
  free: [],
};

export const LINKED_DESCRIPTORS: Group = {
  name: 'descriptors from before the policy, of another hard link',
  rules: 'file: {matchPaths: [{path: /v/guard/first}]}',
  refused: (
    [
      ['read from it', 'r'],
      ['write to it', 'p'],
    ] as const
  ).map(([technique, wish]) => ({
    technique,
    command: ['holder', wish, '/free/holder'],
    preparation:
      'echo x >/v/guard/first; ln -f /v/guard/first /v/guard/second; /bin/uses hold /v/guard/second /free/holder',
    reported: { operation: 'use', object: '/v/guard/first' },
  })),
  free: [],
};

export const NODES: Group = {
  name: 'device nodes by their numbers',
  rules: 'file: {matchPaths: [{path: /dev/full}]}',
  refused: [
    {
      technique: 'create another node with its number',
      command: ['sh', 'exec mknod /free/full c 1 7'],
      preparation: 'rm -f /free/full',
      reported: { operation: 'mknod', object: '/dev/full', class: 'ACCESS_CLASS_FILE' },
    },
    {
      technique: 'open an existing node with its number',
      command: ['sh', ': </free/there'],
      preparation: 'rm -f /free/there; mknod /free/there c 1 7',
      reported: { operation: 'open', object: '/dev/full' },
    },
    {
      technique: 'write to it in a volume',
      command: ['sh', ': >/v/free/full'],
      preparation: 'rm -f /v/free/full; mknod /v/free/full c 1 7',
      reported: { operation: 'open', object: '/dev/full' },
    },
    {
      technique: 'open it in another devtmpfs',
      container: 'privileged',
      command: ['sh', ': </free/dev/full'],
      preparation: 'mkdir -p /free/dev; [ -e /free/dev/full ] || mount -t devtmpfs none /free/dev',
      reported: { operation: 'open', object: '/dev/full' },
    },
  ],
  free: [
    ['sh', 'rm -f /free/null && mknod /free/null c 1 3 && : </free/null'],
    ['sh', 'rm -f /free/block && mknod /free/block b 1 7'],
    ['sh', ': </free/dev/null'],
  ],
};
