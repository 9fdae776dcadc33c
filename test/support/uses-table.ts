import { SOURCES } from './source-uses.js';

/** One way to use what a policy blocks. */
export interface Use {
  readonly technique: string;
  /** A command of test/support/uses.c, or `sh` and a shell script. */
  readonly command: readonly string[];
  /** Run before, without a policy, each time. */
  readonly preparation?: string;
  /** Fields of the event of the refusal. */
  readonly reported: {
    readonly operation: string;
    readonly object?: string;
    readonly class?: string;
    readonly program?: string;
  };
}

export interface Group {
  readonly name: string;
  /** Lines of the policy's `spec`. */
  readonly rules: string;
  readonly refused: readonly Use[];
  /** Commands that the rules allow. */
  readonly free: readonly (readonly string[])[];
}

const BLOCK = 'file: {matchDirectories: [{dir: /v/guard/, recursive: true}, {dir: /guard/, recursive: true}]}';

const SOCKETS: Group = {
  name: 'Unix sockets',
  rules: BLOCK,
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
    command: command.map((each) => each.replace('FILE', `${directory}/file`).replace('LINK', `${directory}/soft`)),
    preparation: `echo x >${directory}/file; ln -sfn file ${directory}/soft; /bin/uses fsetxattr ${directory}/file trusted.there`,
    reported: { operation, object: command[1] === 'LINK' ? `${directory}/soft` : `${directory}/file` },
  }));

const ATTRIBUTES: Group = {
  name: 'attributes',
  rules: BLOCK.replaceAll('recursive: true', 'recursive: true, operations: [attributes]'),
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

const TOUCH: Group = {
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

const moves = (operations: string, techniques: readonly (readonly [string, string, string])[]): Group => ({
  name: `files that are moved, where a rule names ${operations}`,
  rules: `file: {matchDirectories: [{dir: /v/guard/, recursive: true, operations: [${operations}]}]}`,
  refused: techniques.map(([technique, operation, script]) => ({
    technique,
    command: ['sh', script],
    preparation: 'rm -f /v/free/moved /v/guard/moved /v/guard/new; echo x >/v/guard/moved; echo x >/v/free/other',
    reported: { operation },
  })),
  free: [
    ['sh', 'mv /v/free/other /v/free/another && ln -f /v/free/another /v/free/other'],
    ...(operations === 'create' ? [['sh', 'exec mv /v/guard/moved /v/free/moved']] : []),
  ],
});

/** With RENAME_EXCHANGE. */
const EXCHANGED = [
  ['exchange it with another file', 'rename', 'exec /bin/uses rename exchange /v/guard/moved /v/free/other'],
  ['exchange another file with it', 'rename', 'exec /bin/uses rename exchange /v/free/other /v/guard/moved'],
] as const;
const AWAY = [
  ['rename it away', 'rename', 'exec mv /v/guard/moved /v/free/moved'],
  ['rename it away and leave a whiteout', 'rename', 'exec /bin/uses rename whiteout /v/guard/moved /v/free/moved'],
  ['rename it away by io_uring', 'rename', 'exec /bin/uses ring rename /v/guard/moved /v/free/moved'],
  ['link it away', 'link', 'exec ln /v/guard/moved /v/free/moved'],
  ['link it away by io_uring', 'link', 'exec /bin/uses ring link /v/guard/moved /v/free/moved'],
] as const;
const ONTO = [
  ['rename onto it', 'rename', 'exec mv -f /v/free/other /v/guard/moved'],
  ['rename onto it by io_uring', 'rename', 'exec /bin/uses ring rename /v/free/other /v/guard/moved'],
] as const;
const CREATED = [
  ...ONTO,
  ['rename to a new name', 'rename', 'exec mv /v/free/other /v/guard/new'],
  ['link to a new name', 'link', 'exec ln /v/free/other /v/guard/new'],
  ['link a file without a name to a new one', 'link', 'exec /bin/uses link-nameless /v/free /v/guard/new'],
  ['leave a whiteout', 'rename', 'exec /bin/uses rename whiteout /v/guard/moved /v/free/moved'],
  ['make a symbolic link', 'symlink', 'exec ln -s x /v/guard/new'],
  ['make a node', 'mknod', 'exec mknod /v/guard/new c 1 3'],
  ['make a socket', 'mknod', 'exec /bin/uses serve stream /v/guard/new'],
] as const;
const MOVES = [
  moves('read', [...AWAY, ...EXCHANGED]),
  moves('write', [...AWAY, ...ONTO, ...EXCHANGED]),
  moves('create', [...CREATED, ...EXCHANGED]),
  moves('attributes', [...AWAY, ...EXCHANGED]),
  moves('delete', [
    ...AWAY,
    ...ONTO,
    ...EXCHANGED,
    ['unlink it by io_uring', 'unlink', 'exec /bin/uses ring unlink /v/guard/moved'],
  ]),
];

/** Performed by a kernel thread. */
const RING: Group = {
  name: 'files and sockets, by io_uring',
  rules: BLOCK,
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

const MEMORY: Group = {
  name: 'executable memory that is not backed by an unmodified file',
  rules: 'presets: [{name: anonymousMapExec, action: Block}]',
  refused: (
    [
      ['shared anonymous memory', 'map', 'shared'],
      ['shared anonymous memory that was written to', 'protect', 'shared-later'],
      ['private anonymous memory that was written to', 'protect', 'private-later'],
      ['a memory file', 'map', 'memory-file'],
      ['a shared memory file that was written to', 'protect', 'memory-file-later'],
      ['a segment of shared memory', 'map', 'segment'],
      ['a private mapping of a file that may be written to as well', 'map', 'file-writable', '/free/file'],
      ['a private mapping of a file that was written to', 'protect', 'file-written', '/free/file'],
      ['a private mapping of a file that becomes writable as well', 'protect', 'file-then-writable', '/free/file'],
      ['a shared mapping of a file that is open for writing', 'map', 'file-shared', '/free/file'],
      ['a shared mapping of a file that was written to', 'protect', 'file-shared-later', '/free/file'],
      ['private memory that a personality makes executable', 'map', 'by-personality'],
      ['code that is written to by /proc/self/mem', 'open', 'own-code'],
      ['code that is written to by /proc/thread-self/mem', 'open', 'own-code-by-thread'],
      ['code of a child that is written to by /proc/PID/mem', 'open', 'code-of-child'],
    ] as const
  ).map(([technique, operation, ...command]) => ({
    technique,
    command: ['executable', ...command],
    reported: { operation, class: 'ACCESS_CLASS_PRESET' },
  })),
  free: [
    ['executable', 'file', '/free/file'],
    ['sh', 'exec /bin/cat /free/file'],
    ['sh', 'exec /bin/cat /proc/self/maps'],
    ['sh', ': </proc/self/mem'],
  ],
};

const DESCRIPTORS: Group = {
  name: 'descriptors from before the policy',
  rules: BLOCK,
  refused: (
    [
      ['read from it', 'r', 'use'],
      ['write to it', 'p', 'use'],
      ['map it', 'm', 'map'],
      ['map it to write to it', 'w', 'map'],
      ['receive it from another process', 'g', 'receive'],
      ['take it from another process', 't', 'receive'],
    ] as const
  ).map(([technique, wish, operation]) => ({
    technique,
    command: ['holder', wish, '/free/holder'],
    preparation: 'echo x >/guard/file; /bin/uses hold /guard/file /free/holder',
    reported: { operation, object: '/guard/file' },
  })),
  free: [],
};

const LINKED_DESCRIPTORS: Group = {
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

const INTERPRETER: Omit<Use, 'reported'> = {
  technique: 'run a program whose interpreter it is',
  command: ['sh', '/free/program'],
  preparation: '/bin/uses program /guard/program && /bin/uses program /free/program /guard/program',
};
const INTERPRETERS: Group = {
  name: 'interpreters of programs that may not be read',
  rules: BLOCK,
  refused: [{ ...INTERPRETER, reported: { operation: 'map', object: '/guard/program', class: 'ACCESS_CLASS_FILE' } }],
  free: [['sh', 'exec /bin/cat /free/file']],
};

const PROGRAMS: Group = {
  name: 'programs that must not run',
  rules: 'process: {matchPaths: [{path: /guard/cat}, {path: /guard/program}]}',
  refused: [
    { ...INTERPRETER, reported: { operation: 'map', object: '/guard/program', class: 'ACCESS_CLASS_PROCESS' } },
    ...(
      [
        ['run it by the loader', 'map', 'exec /lib*/ld-linux*.so.* /guard/cat /free/file'],
        ['rename it', 'rename', 'exec mv /guard/cat /free/cat'],
        ['link it', 'link', 'exec ln -f /guard/cat /free/linked'],
      ] as const
    ).map(([technique, operation, script]) => ({
      technique,
      command: ['sh', script],
      preparation: 'cp /bin/cat /guard/cat',
      // The event of a link may give the new name.
      reported: operation === 'link' ? { operation } : { operation, object: '/guard/cat' },
    })),
  ],
  free: [
    ['sh', 'exec cp /guard/cat /free/copy'],
    ['sh', 'exec /lib*/ld-linux*.so.* /bin/cat /free/file'],
    ['sh', 'exec mv /free/copy /free/moved'],
  ],
};

const ROUTES: Group = {
  name: 'ways to an address that is blocked',
  rules: 'network: {matchEndpoints: [{cidr: 10.9.9.9/32}]}',
  refused: (
    [
      ['a raw socket', 'create', 'raw'],
      ['a raw socket of a protocol', 'create', 'raw-protocol'],
      ['a raw socket by io_uring', 'create', 'ring raw'],
      ['a raw socket of IPv6', 'create', 'raw6'],
      ['a packet socket', 'create', 'packet'],
      ['a packet socket for whole frames', 'create', 'packet-raw'],
      ['a packet socket by the obsolete interface', 'create', 'packet-old'],
      ['a source route of a socket', 'connect', 'route'],
      ['a source route beside a message', 'send', 'route-beside'],
      ['a source route beside the second of several messages', 'send', 'route-beside-second'],
      ['a source route beside a message, by io_uring', 'send', 'ring route-beside'],
      ['a routing header of IPv6', 'connect', 'route6'],
      ['options of IPv6, which may contain a routing header', 'connect', 'options6'],
      ['a routing header of IPv6 beside a message', 'send', 'route6-beside'],
      ['a routing header of IPv6 beside a message, by its old number', 'send', 'route6-beside-old'],
    ] as const
  ).map(([technique, operation, how]) => ({
    technique,
    command: how.startsWith('ring ') ? how.split(' ') : ['send', how],
    reported: { operation, class: 'ACCESS_CLASS_NETWORK' },
  })),
  free: [
    ['send', 'plain'],
    ['send', 'plain-several'],
  ],
};

const SEVERAL_ADDRESSES: Group = {
  name: 'blocked addresses, by SCTP',
  rules: 'network: {matchEndpoints: [{cidr: 127.0.0.20/32}]}',
  refused: (
    [
      ['connect to it by the call that takes several', 'connect', 'first'],
      ['connect to it after an allowed one', 'connect', 'further'],
      ['connect to more addresses than are checked, the last of them blocked', 'connect', 'many'],
      ['send to an allowed one, with it beside the message', 'send', 'beside'],
    ] as const
  ).map(([technique, operation, how]) => ({
    technique,
    command: ['sctp', how, '127.0.0.20'],
    reported: { operation, class: 'ACCESS_CLASS_NETWORK' },
  })),
  free: [
    ['sctp', 'first', '127.0.0.21'],
    ['sctp', 'further', '127.0.0.21'],
  ],
};

const QUESTIONS: Group = {
  name: 'queries for a blocked name, after others',
  rules: 'network: {matchDNSQueries: [{domain: secret.example}]}',
  refused: [
    {
      technique: 'two queries in one message to a stream',
      command: ['ask', 'stream', 'plenty.example', 'secret.example'],
      reported: { operation: 'resolve', object: 'secret.example' },
    },
    {
      technique: 'one message that the kernel splits into two packets',
      command: ['ask', 'packets', 'plenty.example', 'secret.example'],
      reported: { operation: 'resolve' },
    },
    {
      technique: 'two messages to one address by one call, where the kernel calls the hook only for the first',
      command: ['ask', 'several', 'plenty.example', 'secret.example'],
      reported: { operation: 'resolve' },
    },
  ],
  free: [['ask', 'stream', 'plenty.example', 'others.example']],
};

const PEERS: Group = {
  name: 'connections from a blocked peer',
  rules: 'network: {matchEndpoints: [{cidr: 127.0.0.2/32, direction: ingress}]}',
  refused: [
    ...(
      [
        ['read from it by splice(2)', 'splice'],
        ['read from it by TCP_ZEROCOPY_RECEIVE', 'zero-copy'],
        ['read from it by a socket of IPv6', 'mapped'],
        ['read from it by a socket of MPTCP', 'multipath'],
      ] as const
    ).map(([technique, how]) => ({
      technique,
      command: ['take', how, '127.0.0.2'],
      reported: {
        operation: 'accept',
        object: 'tcp 127.0.0.2:9009',
        class: 'ACCESS_CLASS_NETWORK',
        program: '/bin/uses',
      },
    })),
    {
      technique: 'connect to a socket that has listened since before the policy',
      command: ['come', '127.0.0.2'],
      preparation: '/bin/uses serve-peers',
      // The process that listened has ended, and its child holds the socket.
      reported: { operation: 'accept', object: 'tcp 127.0.0.2:9010' },
    },
  ],
  free: [
    ['take', 'splice', '127.0.0.3'],
    ['take', 'zero-copy', '127.0.0.3'],
    ['take', 'multipath', '127.0.0.3'],
    ['come', '127.0.0.3'],
  ],
};

const NODES: Group = {
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

export const GROUPS: readonly Group[] = [
  SOCKETS,
  ATTRIBUTES,
  TOUCH,
  ...MOVES,
  RING,
  MEMORY,
  DESCRIPTORS,
  LINKED_DESCRIPTORS,
  INTERPRETERS,
  PROGRAMS,
  ROUTES,
  SEVERAL_ADDRESSES,
  QUESTIONS,
  PEERS,
  NODES,
  SOURCES,
];
