/** One way to use what a policy blocks. */
export interface Use {
  readonly technique: string;
  /** Of test/support/uses.c, or a shell script after `sh`. */
  readonly command: readonly string[];
  /** Run before, without a policy, each time. */
  readonly preparation?: string;
  /** What the event of the refusal says. */
  readonly told: { readonly operation: string; readonly object?: string; readonly class?: string };
}

export interface Group {
  readonly name: string;
  /** Of the policy's specification. */
  readonly rules: string;
  readonly refused: readonly Use[];
  /** Commands that the rules have nothing against. */
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
        told: {
          operation: type === 'dgram' ? 'send' : 'connect',
          object: `${directory}/${type}`,
          class: 'ACCESS_CLASS_FILE',
        },
      })),
      {
        technique: `connect to a ${type} socket of the host in a volume, by a relative name`,
        command: ['sh', `cd /v/guard && exec /bin/uses connect ${type} ./host-${type}`],
        told: { operation: type === 'dgram' ? 'send' : 'connect', object: `/v/guard/host-${type}` },
      },
    ])
    .concat([
      {
        technique: 'send a datagram to a socket without connecting to it',
        command: ['sendto', '/v/guard/host-dgram'],
        told: { operation: 'send', object: '/v/guard/host-dgram' },
      },
      {
        technique: 'connect by a symbolic link from elsewhere',
        command: ['connect', 'stream', '/v/link/host-stream'],
        preparation: 'ln -sfn guard /v/link',
        told: { operation: 'connect', object: '/v/guard/host-stream' },
      },
      {
        technique: 'connect from a mount namespace of its own',
        command: ['sh', 'exec /bin/unshare -m /bin/uses connect stream /v/guard/host-stream'],
        told: { operation: 'connect', object: '/v/guard/host-stream' },
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
      ['set its times', 'utime', ['times', 'FILE']],
      ['set its times to now', 'utime', ['times-now', 'FILE']],
      ['set the times of a symbolic link', 'utime', ['times-of-link', 'LINK']],
    ] as const
  ).map(([technique, operation, command]) => ({
    technique: `${technique}, below ${directory}`,
    command: command.map((each) => each.replace('FILE', `${directory}/file`).replace('LINK', `${directory}/soft`)),
    preparation: `echo x >${directory}/file; ln -sfn file ${directory}/soft; /bin/uses fsetxattr ${directory}/file trusted.there`,
    told: { operation, object: command[1] === 'LINK' ? `${directory}/soft` : `${directory}/file` },
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
      told: { operation: 'utime', object: '/v/guard/file' },
    },
    {
      technique: 'set its flags by a read-only descriptor',
      command: ['chattr', '/v/guard/file'],
      told: { operation: 'chattr', object: '/v/guard/file' },
    },
    {
      technique: 'set its extended flags by a read-only descriptor',
      command: ['chattr-more', '/v/guard/file'],
      told: { operation: 'chattr', object: '/v/guard/file' },
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
      told: { operation: 'utime', object: '/v/guard/file' },
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
    preparation: 'rm -f /v/free/moved /v/guard/new; echo x >/v/guard/moved; echo x >/v/free/other',
    told: { operation },
  })),
  free: [
    ['sh', 'mv /v/free/other /v/free/another && ln -f /v/free/another /v/free/other'],
    ...(operations === 'create' ? [['sh', 'exec mv /v/guard/moved /v/free/moved']] : []),
  ],
});

const AWAY = [
  ['rename it away', 'rename', 'exec mv /v/guard/moved /v/free/moved'],
  ['link it away', 'link', 'exec ln /v/guard/moved /v/free/moved'],
] as const;
const ONTO = [
  ['rename onto it', 'rename', 'exec mv -f /v/free/other /v/guard/moved'],
  ['link to a new name', 'link', 'exec ln /v/free/other /v/guard/new'],
] as const;
const MOVES = [
  moves('read', AWAY),
  moves('write', [...AWAY, ONTO[0]]),
  moves('create', ONTO),
  moves('delete', [ONTO[0]]),
];

export const GROUPS: readonly Group[] = [SOCKETS, ATTRIBUTES, TOUCH, ...MOVES];
