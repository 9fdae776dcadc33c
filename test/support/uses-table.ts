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

export const GROUPS: readonly Group[] = [SOCKETS];
