import type { Group } from './use.js';

export const ROUTES: Group = {
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
  outOfReach: [
    {
      technique: 'a source route that another thread puts beside the second of several messages at the right moment',
      why: 'the kernel calls the hook for the first message only, and the others are read before it is sent',
    },
  ],
  free: [
    ['send', 'plain'],
    ['send', 'plain-several'],
  ],
};

export const SEVERAL_ADDRESSES: Group = {
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

export const QUESTIONS: Group = {
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

export const PEERS: Group = {
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
